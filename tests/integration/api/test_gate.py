"""Who is let in by a server: real processes, at loopback and at other addresses."""

import re
import socket
import subprocess
import sys
from urllib.parse import quote

import httpx
import pytest

from bptt import store
from bptt.api.gate import OPEN
from bptt.client import connect
from bptt.errors import NotAdmitted, NotAllowed
from bptt.run_folder import RunFolder
from bptt.settings import Settings, for_child
from tests.integration.api.conftest import free_port
from tests.servers import until

UNKNOWN = f"bptt_{'A' * 43}"
OUTSIDE = ("--host", "0.0.0.0")


def make_token(settings, user, role=None, **options):
    database = store.open_database(settings.database)
    store.upgrade(database)
    token, known = store.create_token(database, user=user, role=role, **options)
    database.close()
    return token, known.prefix


def get(address, *tokens, path="/api/grids", method="GET", headers=None):
    shown = [("Authorization", token) for token in tokens]
    return httpx.request(
        method, address + path, headers=[*shown, *(headers or [])], trust_env=False
    )


def test_an_address_that_others_reach_asks_everybody_for_a_token(settings, served):
    token, prefix = make_token(settings, "anna")
    expired, _ = make_token(settings, "anna", seconds=-1)

    with served(settings, *OUTSIDE) as address:
        refused = {
            "asks for a token": get(address, headers=[("Bptt-User", "anna")]),
            "does not know this token": get(address, f"Bearer {UNKNOWN}"),
            "does not know": get(address, f"Bearer {prefix}"),
            "has expired": get(address, f"Bearer {expired}"),
            "one Authorization header": get(address, f"Basic {token}"),
            "understands one": get(address, f"Bearer {token}", f"Bearer {UNKNOWN}"),
            "server does not know": get(address, "Bearer"),
        }
        let_in = get(address, f"Bearer {token}")
        opened = {path: get(address, path=path).status_code for path in OPEN}
        opened |= {"wrong": get(address, f"Bearer {UNKNOWN}", path="/api/health").status_code}
        unknown_route = get(address, path="/api/nothing")

    for told, answer in refused.items():
        message = answer.json()["message"]
        assert (answer.status_code, told in message) == (401, True), message
        assert "\n" not in message
        assert token not in answer.text
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (let_in.status_code, let_in.json()) == (200, [])
    assert opened.pop("/favicon.ico") == 404
    assert set(opened.values()) == {200}
    # not even what there is
    assert unknown_route.status_code == 401


def test_a_loopback_address_asks_nobody_but_refuses_a_token_that_does_not_hold(settings, served):
    token, prefix = make_token(settings, "anna")

    with served(settings) as address:
        free = get(address, path="/api/me", headers=[("Bptt-User", "bob")])
        named = get(address, f"bearer {token}", path="/api/me", headers=[("Bptt-User", "bob")])
        wrong = get(address, f"Bearer {UNKNOWN}")
        others = get(address, path="/api/tokens", headers=[("Bptt-User", "root")])
        body = {"user": "bob", "role": "admin"}
        made = httpx.post(
            f"{address}/api/tokens", json=body, headers={"Bptt-User": "bob"}, trust_env=False
        )
        elsewhere = get(address, headers=[("Host", "evil.example")])

    assert (free.json()["name"], free.json()["token"]) == ("bob", None)
    assert (named.json()["name"], named.json()["token"]) == ("anna", prefix)
    assert wrong.status_code == 401
    # whoever has an account on the machine must not make themselves an admin of the team
    assert (others.status_code, made.status_code) == (401, 401)
    assert elsewhere.status_code == 400


@pytest.mark.parametrize("way", ["option", "setting"])
def test_a_loopback_address_asks_for_tokens_where_it_is_told_to(settings, served, way):
    token, _ = make_token(settings, "anna")
    options = ["--require-tokens"] if way == "option" else []
    if way == "setting":
        settings = Settings(home=settings.home, api_tokens="required")

    with served(settings, *options) as address:
        assert get(address, headers=[("Bptt-User", "anna")]).status_code == 401
        # a proxy in front of it may be called by any name
        through = get(address, f"Bearer {token}", headers=[("Host", "lab.example")])

    assert through.status_code == 200


def test_a_server_that_nobody_could_use_does_not_start_and_says_how_it_would(settings):
    def start(*options):
        command = [sys.executable, "-m", "bptt", "api", "--port", str(free_port()), *options]
        return subprocess.run(
            command, env=for_child(settings), capture_output=True, text=True, timeout=300
        )

    make_token(settings, "anna", seconds=-1)
    for options in (OUTSIDE, ("--require-tokens",), ("--host", "::")):
        done = start(*options)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        (line,) = done.stderr.splitlines()
        assert line.endswith("bptt tokens create --role admin")


def test_a_server_whose_database_is_away_starts_and_lets_nobody_in(home, served):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        settings = Settings(home=home, database_url=f"postgresql://127.0.0.1:{port}/x")

        with served(settings, *OUTSIDE) as address:
            shown, none = get(address, f"Bearer {UNKNOWN}"), get(address)

    assert (shown.status_code, shown.json()["error"]) == (503, "DatabaseUnavailable")
    assert none.status_code == 401


def test_no_token_is_ever_written_anywhere(settings, served, file, new_owner, tmp_path):
    token, prefix = make_token(settings, "anna", "admin")
    with connect(settings) as client:
        client.submit(file)
    run = new_owner(settings).begin()
    # nobody expects a folder there
    RunFolder.of_attempt(settings.runs, run.run_id, run.attempt).log.mkdir(parents=True)
    said = tmp_path / "said"

    with said.open("w") as output, served(settings, *OUTSIDE, said=output) as address:
        for shown in (token, UNKNOWN, f"{token}x", f"bptt_{'é' * 43}"):
            get(address, f"Bearer {shown}".encode())
            get(address, f"Bearer {shown}".encode(), path=f"/{quote(shown)}")
        failed = get(address, f"Bearer {token}", path=f"/api/runs/{run.run_id}/log")
        revoked = get(address, f"Bearer {token}", path=f"/api/tokens/{token}/revoke", method="POST")

    assert (failed.status_code, revoked.json()["prefix"]) == (500, prefix)
    assert "IsADirectoryError" in said.read_text()
    assert token not in failed.text + revoked.text + said.read_text()
    assert UNKNOWN not in said.read_text()
    for path in settings.home.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes(), path


def test_the_use_of_a_token_is_noted_without_keeping_anybody_waiting(settings, served):
    made = [make_token(settings, user) for user in ("anna", "bob")]
    database = store.open_database(settings.database)

    def used():
        return [store.find_token(database, prefix).last_used_at for _, prefix in made]

    with served(settings, *OUTSIDE) as address:
        # while somebody else writes, more requests than the server has threads are answered
        with database.write():
            for _ in range(30):
                for token, _ in made:
                    assert get(address, f"Bearer {token}").status_code == 200
            assert used() == [None, None]
        assert until(lambda: all(used()))
        first = used()
        assert get(address, f"Bearer {made[0][0]}").status_code == 200

    assert used() == first
    database.close()


def test_the_client_shows_its_token_and_is_who_the_server_says(settings, served, file):
    token, prefix = make_token(settings, "anna")
    other, _ = make_token(settings, "bob")
    secret = settings.home / "secret"
    secret.write_text(f"{token}\n")

    with served(settings, *OUTSIDE) as address:
        with connect(Settings(server=address, token=other)) as client:
            assert client.user == "bob"
            theirs = client.submit(file)
        with connect(Settings(server=address, token_file=str(secret))) as client:
            assert (client.user, client.me().token) == ("anna", prefix)
            assert client.grids(user=client.user) == []
            assert [grid.user for grid in client.grids()] == ["bob"]
            with pytest.raises(NotAllowed, match=f"{theirs.grid_id} is bob's, and you are anna"):
                client.cancel_grid("bias")
            new = client.create_token(label="new")
            client.revoke_token(secret.read_text())
            with pytest.raises(NotAdmitted, match="was revoked"):
                client.queue()
        with connect(Settings(server=address, token=new.token)) as client:
            assert client.queue().counts == {"queued": 6}
        with connect(Settings(server=address)) as client, pytest.raises(NotAdmitted, match="asks"):
            client.queue()


def test_the_client_in_this_process_needs_no_token_and_is_an_admin(settings, file):
    make_token(settings, "anna")

    with connect(settings) as client:
        grid = client.submit(file, urgency=2)
        assert (client.me().role, client.me().token) == ("admin", None)
        assert client.grid(grid.grid_id).urgency == 2
        made = client.create_token("eve", role="admin", days=1)
        assert re.fullmatch(r"bptt_[\w-]{43}", made.token)
        assert {token.user for token in client.tokens()} == {"anna", "eve"}
        assert client.set_user("eve", max_running=0, disabled=True).max_running == 0
        assert client.set_user("eve", max_running=None).max_running is None
        assert client.set_user("eve", weight=2).disabled_at is not None


def test_documents_tell_where_a_token_goes(settings, served):
    with served(settings) as address:
        described = get(address, path="/openapi.json").json()

    (scheme,) = described["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert "security" in described["paths"]["/api/grids"]["post"]
    assert "security" not in described["paths"]["/api/health"]["get"]
