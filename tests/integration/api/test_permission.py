"""Who may change what, asked of every route there is: one that is added is asked as well."""

import hashlib
from urllib.parse import quote

import pytest

from tests.integration.api.conftest import GRID, Owner

SUBMIT = {"source": GRID}
EMPTY_OBJECT = hashlib.sha256(b"{}").hexdigest()
UNNAMED = {
    "POST /api/preview": [({"source": GRID}, 200)],
    "POST /api/plugins/check": [({"names": ["none"]}, 200)],
    "POST /api/grids": [({**SUBMIT, "urgency": 2}, 403)],
    "PUT /api/content/{digest}": [({"not": "this"}, 400)],
    "POST /api/tokens": [({"user": "anna"}, 403), ({"role": "admin"}, 403)],
}
"""What changes nothing that is somebody's, with what users may not ask of it."""


@pytest.fixture
def routes(team):
    """Every route, as `POST /api/grids/{grid}/cancel`."""
    described = team.ask(None, "GET", "/openapi.json").json()["paths"]
    found = [
        f"{method.upper()} {path}" for path, methods in described.items() for method in methods
    ]
    assert len(found) > 30
    # what leaves least to do for the others comes last
    return sorted(found, key=lambda route: (route.startswith("DELETE"), "cancel" in route))


@pytest.fixture
def names(team):
    """What stands in a path: anna's grid, a run of it that failed, her token, herself."""
    made = team.ask("anna", "POST", "/api/grids", json=SUBMIT)
    assert made.status_code == 201, made.text
    owner = Owner(team.settings)
    run = owner.begin()
    owner.fail(run)
    owner.database.close()
    names = {"grid": made.json()["grid_id"], "run": run.run_id, "user": "anna"}
    return {**names, "prefix": team.prefixes["anna"], "digest": EMPTY_OBJECT}


def split(route, names):
    method, path = route.split()
    queries = {"/api/find": {"text": names["grid"]}, "/api/plugin": {"word": "rnn"}}
    # of several grids, or of one
    for asked in ("comparison", "pictures", "report"):
        queries[f"/api/{asked}"] = {"grid": names["grid"]}
    # a name that is not known fails here: say above what it stands for
    return method, path.format(**names), queries.get(path)


def test_nobody_is_let_in_without_a_token(team, routes, names):
    before = team.everything()

    for route in routes:
        method, path, query = split(route, names)
        answer = team.ask(None, method, path, params=query, json={} if method != "GET" else None)
        assert answer.status_code == (200 if path == "/api/health" else 401), route
        if path != "/api/health":
            assert "set BPTT_TOKEN" in answer.json()["message"]
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.headers["Bptt-Api"] == "1"

    assert team.everything() == before


def test_a_foreign_user_sees_everything_and_changes_nothing(team, routes, names):
    before = team.everything()

    for route in routes:
        method, path, query = split(route, names)
        if method == "GET":
            # 409: this server's MLflow has no pages
            status = 409 if path.endswith("/pages") else 200
            assert team.ask("bob", method, path, params=query).status_code == status, route
            continue
        for body, status in UNNAMED.get(route, [({}, 403)]):
            answer = team.ask("bob", method, path, json=body)
            assert answer.status_code == status, (route, answer.text)
            if status == 403:
                assert answer.json()["error"] == "NotAllowed"
                assert "\n" not in answer.json()["message"]

    assert team.everything() == before


def test_what_changes_something_takes_whole_ids_alone(team, routes, names):
    before = team.everything()
    grid, run = names["grid"], names["run"]
    # every one of them means something where it is only looked at
    beginnings = [grid[:1], grid[:4], "bias", "anna/bias", f"{run}x"[:-2], "bias/0"]

    for route in routes:
        if route.startswith("GET") or not ("{grid}" in route or "{run}" in route):
            continue
        for text in beginnings:
            spelt = {"grid": quote(text, safe=""), "run": quote(text, safe="")}
            method, path, _ = split(route, {**names, **spelt})
            answer = team.ask("root", method, path, json={})
            # where / is part of the path there is no such route
            assert answer.status_code in (404, 405), (route, text, answer.text)
            if answer.status_code == 404 and "/" not in text:
                assert "a whole id" in answer.json()["message"]

    assert team.everything() == before


@pytest.mark.parametrize("asker", ["anna", "root"])
def test_the_owner_and_an_admin_may_do_what_others_may_not(team, routes, names, asker):
    bodies = {
        "PATCH /api/users/{user}": {"weight": 2},
        "POST /api/grids": {**SUBMIT, "force": True},
        "POST /api/plugins/check": {"names": ["none"]},
        "POST /api/preview": SUBMIT,
    }
    for route in routes:
        method, path, query = split(route, names)
        body = None if method == "GET" else bodies.get(route, {})
        answer = team.ask(asker, method, path, params=query, json=body)
        if route.startswith("PATCH") and asker == "anna":
            assert answer.status_code == 403
            continue
        # 409: the status of a grid or run is in the way by now, but nobody's permission
        assert answer.status_code in (200, 201, 409), (route, answer.text)
        if "/tokens/{prefix}/revoke" in route and asker == "anna":
            # she has revoked the token she shows
            team.tokens["anna"] = team.ask("root", "POST", "/api/tokens", json={"user": "anna"})
            team.tokens["anna"] = team.tokens["anna"].json()["token"]


def test_a_user_neither_gives_nor_extends_urgency(team, names):
    path = f"/api/grids/{names['grid']}"
    more = {"overrides": ["seeds=3"]}

    refused = team.ask("anna", "POST", f"{path}/priority", json={"urgency": 2})
    assert refused.status_code == 403
    assert "Only an admin makes a grid urgent" in refused.json()["message"]
    for urgency in (0, 1):
        answer = team.ask("anna", "POST", f"{path}/priority", json={"urgency": urgency})
        assert (answer.status_code, answer.json()["urgency"]) == (200, urgency)

    assert team.ask("root", "POST", f"{path}/priority", json={"urgency": 2}).status_code == 200
    refused = team.ask("anna", "POST", f"{path}/extend", json=more)
    assert (refused.status_code, "urgent" in refused.json()["message"]) == (403, True)
    assert team.ask("anna", "POST", f"{path}/priority", json={"priority": 5}).status_code == 200
    assert team.ask("root", "POST", f"{path}/extend", json=more).status_code == 200
    assert team.ask("anna", "POST", f"{path}/priority", json={"urgency": 1}).status_code == 200
    assert team.ask("anna", "POST", f"{path}/extend", json=more).status_code == 200


def test_runs_that_an_admin_adds_stay_the_owners(team, names):
    grid = names["grid"]

    assert team.ask("root", "POST", f"/api/grids/{grid}/retry", json={}).status_code == 200
    team.ask("root", "POST", f"/api/grids/{grid}/extend", json={"overrides": ["seeds=3"]})

    runs = team.ask("bob", "GET", "/api/runs", params={"grid": grid}).json()
    assert {run["user"] for run in runs} == {"anna"}
    (repeated,) = (run["run_id"] for run in runs if run["retry_of"])
    events = team.ask("bob", "GET", f"/api/runs/{repeated}/events").json()
    assert "root" in {event["actor"] for event in events}
    assert team.ask("anna", "POST", f"/api/runs/{repeated}/hold").status_code == 200
    assert team.ask("bob", "POST", f"/api/runs/{repeated}/release").status_code == 403


def test_the_name_that_a_client_tells_is_ignored_beside_a_token(team):
    headers = {"Authorization": f"Bearer {team.tokens['bob']}", "Bptt-User": "root"}

    made = team.http.post("/api/grids", json=SUBMIT, headers=headers)
    me = team.http.get("/api/me", headers=headers).json()

    assert (me["name"], me["role"], me["token"]) == ("bob", "user", team.prefixes["bob"])
    grid = team.ask("anna", "GET", f"/api/grids/{made.json()['grid_id']}").json()
    assert grid["user"] == "bob"


def test_users_make_see_and_revoke_their_own_tokens_alone(team):
    made = team.ask("bob", "POST", "/api/tokens", json={"label": "laptop", "role": "user"})
    assert made.status_code == 201
    prefix = made.json()["known"]["prefix"]

    seen = {user: team.ask(user, "GET", "/api/tokens").json() for user in ("anna", "bob", "root")}
    assert [token["user"] for token in seen["bob"]] == ["bob", "bob"]
    assert [token["user"] for token in seen["anna"]] == ["anna"]
    assert len(seen["root"]) == 4
    assert not any(token in str(seen) for token in (*team.tokens.values(), made.json()["token"]))
    assert team.ask("anna", "POST", f"/api/tokens/{prefix}/revoke").status_code == 403
    assert team.ask("bob", "POST", f"/api/tokens/{prefix}/revoke").status_code == 200
    answer = team.http.get(
        "/api/grids", headers={"Authorization": f"Bearer {made.json()['token']}"}
    )
    assert (answer.status_code, "was revoked" in answer.json()["message"]) == (401, True)


def test_a_role_taken_away_is_gone_with_the_next_request(team, names):
    path = f"/api/grids/{names['grid']}/hold"
    assert team.ask("root", "PATCH", "/api/users/bob", json={"role": "admin"}).status_code == 200
    assert team.ask("bob", "POST", path).status_code == 200
    assert team.ask("root", "PATCH", "/api/users/bob", json={"role": "user"}).status_code == 200

    assert team.ask("bob", "POST", path).status_code == 403

    assert team.ask("root", "PATCH", "/api/users/bob", json={"disabled": True}).status_code == 200
    refused = team.ask("bob", "GET", "/api/grids")
    assert (refused.status_code, refused.json()["message"]) == (
        401,
        "The user bob is disabled. Ask whoever runs the server.",
    )


MISUSE = [
    ("/api/users/anna", {}, "Nothing to change"),
    ("/api/users/anna", {"weight": 0}, "weight: Input should be greater than or equal to 0.000001"),
    ("/api/users/anna", {"weight": None}, "weight: Input should be a valid number"),
    ("/api/users/anna", {"weight": "1e999"}, "weight: "),
    ("/api/users/anna", {"max_running": -1}, "max_running: Input should be greater"),
    ("/api/users/anna", {"max_queued": 2**40}, "max_queued: Input should be less"),
    ("/api/users/anna", {"role": "root"}, "role: Input should be 'user' or 'admin'"),
    ("/api/users/anna", {"name": "eve"}, "name: Extra inputs are not permitted"),
    ("/api/tokens", {"user": " "}, "user must be a name of 1 to 64 printable characters"),
    ("/api/tokens", {"user": "x" * 65}, "user must be a name"),
    ("/api/tokens", {"days": 0}, "days: Input should be greater than 0"),
    ("/api/tokens", {"days": 1e9}, "days: Input should be less"),
    ("/api/tokens", {"label": "a\nb"}, "label must be printable"),
]


def test_misuse_of_users_and_tokens_is_one_line_and_changes_nothing(team):
    before = team.everything()

    for path, body, told in MISUSE:
        answer = team.ask("root", "PATCH" if "users" in path else "POST", path, json=body)
        assert answer.status_code == 422, answer.text
        (fault,) = answer.json()["faults"]
        assert told in fault

    assert team.everything() == before
