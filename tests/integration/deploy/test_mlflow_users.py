"""What the users of the team server's MLflow may do: `bptt` writes, `team` reads."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.integration.deploy.team_mlflow import TeamMlflow
from tests.servers import short_folder

API = "/api/2.0/mlflow"
UI = "/ajax-api/2.0/mlflow"


@pytest.fixture(scope="module")
def server() -> Iterator[TeamMlflow]:
    with short_folder() as folder, TeamMlflow(folder / "mlflow") as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def run(server: TeamMlflow) -> dict[str, str]:
    """A run that a worker has sent."""
    status, made = server.ask("bptt", "POST", f"{API}/experiments/create", {"name": "latch"})
    assert status == 200, made
    status, found = server.ask("bptt", "POST", f"{API}/runs/create", made)
    assert status == 200, found
    run_id = found["run"]["info"]["run_id"]
    point = {"run_id": run_id, "key": "loss", "value": 0.5, "timestamp": 1, "step": 1}
    assert server.ask("bptt", "POST", f"{API}/runs/log-metric", point)[0] == 200
    return {"run": run_id, "experiment": made["experiment_id"]}


def test_team_sees_everything(server: TeamMlflow, run: dict[str, str]) -> None:
    def seen(method: str, path: str, body: object = None) -> object:
        status, content = server.ask("team", method, path, body)
        assert status == 200, (path, content)
        return content

    assert "latch" in str(seen("POST", f"{API}/experiments/search", {"max_results": 9}))
    wanted = {"experiment_ids": [run["experiment"]]}
    assert run["run"] in str(seen("POST", f"{UI}/runs/search", wanted))
    assert run["run"] in str(seen("GET", f"{UI}/runs/get?run_id={run['run']}"))
    history = f"{UI}/metrics/get-history?metric_key=loss&run_id={run['run']}"
    assert "0.5" in str(seen("GET", history))
    query = {"query": "{ __typename }", "variables": {}}
    assert "Query" in str(seen("POST", "/graphql", query))
    assert "<html" in str(seen("GET", "/"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{API}/experiments/create", {"name": "mine"}),
        (f"{UI}/experiments/create", {"name": "mine"}),
        (f"{API}/registered-models/create", {"name": "mine"}),
        ("/api/3.0/mlflow/datasets/create", {"name": "mine"}),
        (f"{API}/experiments/create/search", {"name": "mine"}),
        (f"{API}/experiments/set-experiment-tag", {"key": "a", "value": "b"}),
        (f"{API}/runs/create", {}),
        (f"{API}/runs/log-batch", {}),
        (f"{API}/gateway-proxy", {}),
    ],
)
def test_team_makes_and_changes_nothing(
    server: TeamMlflow, run: dict[str, str], path: str, body: dict[str, str]
) -> None:
    named = {"experiment_id": run["experiment"], "run_id": run["run"]}
    assert server.ask("team", "POST", path, body or named)[0] in (403, 404)
    made = server.ask("admin", "POST", f"{API}/experiments/search", {"max_results": 9})[1]
    assert {one["name"] for one in made["experiments"]} == {"Default", "latch"}


def test_team_cannot_change_its_password_nor_upload(
    server: TeamMlflow, run: dict[str, str]
) -> None:
    given = {"username": "team", "password": "another password"}
    assert server.ask("team", "PATCH", f"{API}/users/update-password", given)[0] == 403
    place = f"/api/2.0/mlflow-artifacts/artifacts/{run['experiment']}/{run['run']}/artifacts/x"
    assert server.ask("team", "PUT", place, {})[0] == 403
    assert server.ask("bptt", "PUT", place, {})[0] == 200
    assert server.ask("team", "GET", place)[0] == 200
    assert server.ask("team", "DELETE", f"{API}/users/delete", given)[0] == 403


def test_who_has_no_password_is_not_let_in(server: TeamMlflow) -> None:
    for path in ("/", f"{API}/experiments/search?max_results=1", "/graphql"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.url}{path}", timeout=60)
        with refused.value:
            assert refused.value.code == 401
