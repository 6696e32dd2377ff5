"""Requests made from the OpenAPI document, valid ones and wrong ones, by two users."""

import contextlib
import json
import re
import sys
from collections import Counter

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from bptt.api import plugin_drafts
from bptt.api.drafting import Drafting
from bptt.client.in_process import InProcess
from bptt.settings import Settings
from tests.integration.api.conftest import GRID, Owner, Team

INSIDE = re.compile(
    r"sqlalche|psycopg|sqlite|alembic|select\s|insert into|traceback|\.py\b|site-packages|/home",
    re.IGNORECASE,
)
"""What no answer may hold: words of a driver, SQL, places of code."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal obeys."""


class Place:
    """A server on one of the databases, with what stands in paths: a grid of anna's, a run."""

    def __init__(self, settings):
        self.team = team = Team(settings)
        # hundreds of processes would take minutes; tests of drafting have them
        team.app.state.drafting = Drafting(team.app.state.service, None)
        # as a server does: what the application raises becomes an answer
        transport = InProcess(team.app)
        transport._transport.raise_app_exceptions = False
        self.http = httpx.Client(transport=transport, base_url="http://in-process")
        made = team.ask("anna", "POST", "/api/grids", json={"source": GRID})
        owner = Owner(settings)
        run = owner.begin()
        owner.fail(run)
        owner.database.close()
        grid, prefix = made.json()["grid_id"], team.prefixes["anna"]
        self.names = {"grid": grid, "run": run.run_id, "user": "anna", "prefix": prefix}

    def close(self):
        self.http.close()
        self.team.http.close()
        self.team.database.close()


@pytest.fixture
def places(tmp_path, postgres_server, monkeypatch):
    """One on each database: drawing a request takes longer than asking twice."""
    # a check of every plugin takes half a minute
    monkeypatch.setattr(plugin_drafts, "COMMAND", (sys.executable, "-c", "print([])"))
    made = [
        Place(Settings(home=tmp_path / name, database_url=url))
        for name, url in (("sqlite", ""), ("postgresql", postgres_server.new_database()))
    ]
    yield made
    for place in made:
        place.close()


class Asked:
    """Sends what the document allows, and what it does not, and keeps what was answered."""

    def __init__(self, places, examples):
        self.places, self.examples = places, examples
        self.answers, self.routes = Counter(), set()
        self.schema = schemathesis.openapi.from_dict(places[0].http.get("/openapi.json").json())
        self.operations = [found.ok() for found in self.schema.get_all_operations()]

    def ask_all(self, operation, mode):
        @settings(
            max_examples=self.examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case):
            for place in self.places:
                for user, known in (("anna", True), ("bob", False)):
                    self.ask(place, user, case, known)

        # some routes take nothing that could be wrong
        with contextlib.suppress(Unsatisfiable):
            ask()

    def ask(self, place, user, case, known):
        given = case.path_parameters or {}
        if known:
            # else hardly any request would get as far as a grid
            given = {**given, **{n: v for n, v in place.names.items() if n in given}}
        path = case.operation.path
        for name, value in given.items():
            path = path.replace(f"{{{name}}}", httpx.QueryParams({"x": str(value)}).__str__()[2:])
        query = dict(case.query or {})
        body = content = None
        if not isinstance(case.body, type(schemathesis.core.NOT_SET)):
            try:
                body = json.dumps(case.body).encode()
            except (TypeError, ValueError):
                body = repr(case.body).encode()
            content = {"Content-Type": "application/json"}
        request = place.http.build_request(
            case.method,
            path,
            params=query,
            content=body,
            headers={"Authorization": f"Bearer {place.team.tokens[user]}", **(content or {})},
        )
        answer = place.http.send(request)
        self.answers[answer.status_code] += 1
        self.routes.add((user, case.method, case.operation.path))
        told = f"{user}: {case.method} {path} {query} {body}: {answer.status_code} {answer.text}"
        assert answer.status_code < 500, told
        assert answer.headers["Bptt-Api"] == "1", told
        if not answer.is_success:
            content = answer.json()
            words = "\n".join(content.get("faults", [content.get("message", "")]))
            assert words, told
            # what was asked may be told again, a driver's name in it too
            asked = f"{path} {query} {body}"
            assert all(word in asked for word in INSIDE.findall(words)), told
            assert not CONTROL.search(words), told
            assert max(map(len, words.split("\n"))) <= 2_000, told


def everything(places, examples):
    asked = Asked(places, examples)
    for operation in asked.operations:
        # what is deleted cannot be asked for any more
        if operation.method != "delete":
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                asked.ask_all(operation, mode)
    for operation in asked.operations:
        if operation.method == "delete":
            asked.ask_all(operation, GenerationMode.NEGATIVE)
            asked.ask_all(operation, GenerationMode.POSITIVE)
    return asked


def test_no_request_that_the_document_allows_or_forbids_is_a_server_error(places):
    asked = everything(places, examples=2)

    assert len(asked.operations) > 30
    assert len(asked.routes) == 2 * len(asked.operations)
    assert {200, 404, 422} <= set(asked.answers)


@pytest.mark.soak
def test_no_request_of_thousands_is_a_server_error(places):
    asked = everything(places, examples=40)

    assert asked.answers.total() > 5_000
