"""Requests made from the OpenAPI document, valid ones and wrong ones, by two users."""

import contextlib
import json
import re
from collections import Counter

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from bptt.api.drafting import Drafting
from bptt.client.in_process import InProcess
from tests.integration.api.conftest import GRID, Owner

INSIDE = re.compile(
    r"sqlalche|psycopg|sqlite|alembic|select\s|insert into|traceback|\.py\b|site-packages|/home",
    re.IGNORECASE,
)
"""What no answer may hold: words of a driver, SQL, places of code."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal obeys."""


@pytest.fixture
def names(team):
    """What stands in a path: a grid of anna's with a run that failed, her token, herself."""
    made = team.ask("anna", "POST", "/api/grids", json={"source": GRID})
    owner = Owner(team.settings)
    run = owner.begin()
    owner.fail(run)
    owner.database.close()
    grid = made.json()["grid_id"]
    return {"grid": grid, "run": run.run_id, "user": "anna", "prefix": team.prefixes["anna"]}


class Asked:
    """Sends what the document allows, and what it does not, and keeps what was answered."""

    def __init__(self, team, names, examples):
        self.team, self.names, self.examples = team, names, examples
        # hundreds of processes would take minutes; tests of drafting have them
        team.app.state.drafting = Drafting(team.app.state.service, None)
        # as a server does: what the application raises becomes an answer
        transport = InProcess(team.app)
        transport._transport.raise_app_exceptions = False
        self.http = httpx.Client(transport=transport, base_url="http://in-process")
        self.answers = Counter()
        document = self.http.get("/openapi.json").json()
        self.schema = schemathesis.openapi.from_dict(document)
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
            for user, known in (("anna", True), ("bob", False)):
                self.ask(user, case, known)

        # some routes take nothing that could be wrong
        with contextlib.suppress(Unsatisfiable):
            ask()

    def ask(self, user, case, known):
        given = case.path_parameters or {}
        if known:
            # else hardly any request would get as far as a grid
            given = {**given, **{n: v for n, v in self.names.items() if n in given}}
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
        request = self.http.build_request(
            case.method,
            path,
            params=query,
            content=body,
            headers={"Authorization": f"Bearer {self.team.tokens[user]}", **(content or {})},
        )
        answer = self.http.send(request)
        self.answers[answer.status_code] += 1
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


def everything(team, names, examples):
    asked = Asked(team, names, examples)
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


# drawing what fits no pattern takes minutes on a busy machine
@pytest.mark.soak
def test_no_request_that_the_document_allows_or_forbids_is_a_server_error(team, names):
    asked = everything(team, names, examples=4)

    assert len(asked.operations) > 30
    assert {200, 404, 422} <= set(asked.answers)


@pytest.mark.soak
def test_no_request_of_thousands_is_a_server_error(team, names):
    asked = everything(team, names, examples=100)

    assert asked.answers.total() > 5_000
