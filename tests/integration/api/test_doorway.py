import httpx
import pytest

from bptt import __version__
from bptt.settings import Settings


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One server for all tests of this module: none of them changes anything."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def http(home, served):
    with (
        served(Settings(home=home)) as address,
        httpx.Client(base_url=address, trust_env=False) as http,
    ):
        yield http


USER, JSON = {"Bptt-User": "anna"}, {"Content-Type": "application/json"}


def test_requests_that_nobody_should_send_are_refused_with_a_reason(http):
    submit = {"source": "task: latch\ncell: rnn\n"}
    cases = [
        (404, http.get("/api/nothing"), "GET /api/nothing: Not Found."),
        (404, http.get("/"), "GET /: Not Found."),
        (405, http.put("/api/grids"), "PUT /api/grids: Method Not Allowed."),
        (422, http.post("/api/grids", json=submit), "Bptt-User: Field required."),
        (422, http.post("/api/grids", json=submit, headers={"Bptt-User": "%00"}), "Bptt-User must"),
        (422, http.post("/api/grids", json={}, headers=USER), "source: Field required."),
        (422, http.post("/api/grids", content=b"{", headers=USER | JSON), "JSON decode error"),
        (
            422,
            http.post("/api/grids", content=b"{}", headers=USER),
            "body: Input should be a valid",
        ),
        (
            422,
            http.post("/api/grids", json={**submit, "sedes": 3}, headers=USER),
            "sedes: Extra inputs are not permitted.",
        ),
        (
            422,
            http.post("/api/grids", json={**submit, "urgency": 9}, headers=USER),
            "urgency: Input should be less than or equal to 2.",
        ),
        (422, http.get("/api/runs?limit=0"), "limit: Input should be greater than or equal to 1."),
        (422, http.get("/api/runs?status=lost"), "status.0: Input should be 'held', 'queued'"),
        (413, http.post("/api/grids", content=b" " * 9_000_000), "at most 8,388,608 bytes"),
        (413, http.post("/api/grids", content=iter([b"{}"])), "of known length"),
        (404, http.get("/api/runs/..%2F..%2Fetc/log"), ""),
        (422, http.get("/api/grids?limit=1&user=%ED%A0%80"), "user: must be UTF-8"),
        (422, http.get("/api/grids?user=%FF"), "user: must be UTF-8"),
        (422, http.get("/api/grids/%ED%A0%80"), "the address: must be UTF-8"),
        (
            422,
            http.post("/api/grids", json=submit, headers={"Bptt-User": "%ED%A0%80"}),
            "Bptt-User: must be UTF-8",
        ),
    ]

    for status, answer, told in cases:
        body = answer.json()
        text = "\n".join(body.get("faults", [])) or body["message"]
        assert (answer.status_code, told in text) == (status, True), text
        assert answer.headers["Bptt-Api"] == "1"
        assert answer.headers["Bptt-Version"] == __version__
    assert http.get("/api/grids").json() == []
    assert http.get("/api/grids", headers={"Host": "evil.example"}).status_code == 400


def test_every_route_is_described_and_typed(http):
    described = http.get("/openapi.json").json()

    routes = [
        (f"{method} {path}", operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(routes) > 20
    for name, operation in routes:
        assert operation["summary"], name
        assert not operation["summary"].endswith("."), name
        (answer,) = (a for code, a in operation["responses"].items() if code.startswith("2"))
        schema = answer["content"]["application/json"]["schema"]
        assert "$ref" in schema or "$ref" in schema["items"], name
    grid = described["components"]["schemas"]["Grid"]["properties"]
    assert grid["urgency"]["description"] == "Class: 0 low, 1 normal, 2 urgent."
