"""Users and tokens on the command line: of this machine, and of a server."""

import contextlib
import json
import re
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from bptt.settings import Settings, for_child
from tests.servers import until, warm

TOKEN = re.compile(r"bptt_[\w-]{43}\n")


@pytest.fixture
def server(home):
    """Return a factory: a server of this home that asks for tokens; its address."""
    with contextlib.ExitStack() as stack:

        def start(*options):
            with socket.socket() as unused:
                unused.bind(("127.0.0.1", 0))
                port = unused.getsockname()[1]
            process = warm.start(
                *("api", "--port", str(port), *options),
                env=for_child(Settings(home=home)),
                stdout=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            address = f"http://127.0.0.1:{port}"

            def answers():
                with contextlib.suppress(httpx.TransportError):
                    return httpx.get(f"{address}/api/health", trust_env=False)
                return process.poll() is not None

            assert until(answers)
            assert process.poll() is None
            return address

        yield start


def made(bptt, *options):
    """Make a token on the command line; return it."""
    code, out, errors = bptt("tokens", "create", *options)
    assert code == 0, errors
    assert TOKEN.fullmatch(out)
    return out.strip()


def test_first_token_is_printed_alone_and_explained_beside(bptt, home):
    code, out, errors = bptt("tokens", "create", "--role", "admin", "--user", "anna")

    assert code == 0
    assert TOKEN.fullmatch(out)
    assert errors == [
        "A token of anna (admin), until revoked; it is not shown again.",
        "To use it: BPTT_SERVER=URL BPTT_TOKEN=... bptt status",
        f"To revoke it: bptt tokens revoke {out[:13]}",
    ]
    # the id of the file's owner guards it
    assert (home / "bptt.db").stat().st_mode & 0o777 == 0o600


def test_tokens_are_listed_and_revoked(bptt):
    first = made(bptt, "--label", "laptop", "--expires", "30")
    second = made(bptt, "--user", "anna")

    code, out, _ = bptt("tokens", "revoke", second)
    listed = json.loads(bptt("tokens", "list", "--json")[1])
    table = bptt("tokens", "list")[1]

    assert (code, out) == (0, f"Revoked the token {second[:13]} of anna.\n")
    assert [(token["prefix"], token["status"]) for token in listed] == [
        (second[:13], "revoked"),
        (first[:13], "valid"),
    ]
    assert re.search(rf"{first[:13]}\.\.\. .* laptop .* for (29|30) d", table)
    assert first[13:] not in table
    code, out, (error,) = bptt("tokens", "revoke", second[:13])
    assert (code, out) == (2, "")
    assert error.endswith("was revoked already.")


def test_users_are_listed_and_changed(bptt, submitted, machine):
    owner = machine()
    code, out, errors = bptt("users", "set", "anna", "--weight", "2")
    assert (code, out) == (2, "")
    assert errors[0].startswith("No user 'anna'")
    me = json.loads(bptt("users", "list", "--json")[1])[0]["name"]

    code, out, _ = bptt("users", "set", me, "--max-running", "1", "--weight", "2.5")

    assert (code, out) == (
        0,
        f"User {me}: role user, weight 2.5, running 0 of 1, queued 6 of 1,000,000.\n",
    )
    # the next claim goes by it
    assert owner.begin() is not None
    assert owner.begin() is None
    assert "your limit of 1 running runs" in bptt("show", f"{submitted}-1")[1]
    assert bptt("users", "set", me, "--max-running", "none")[0] == 0
    assert owner.begin() is not None
    table = bptt("users", "list")[1]
    assert re.search(rf"{me} +user +2.5 +2 +4 of 1,000,000 +nothing", table)
    assert bptt("users", "set", me, "--disable")[0] == 0
    assert owner.begin() is None
    assert "user, disabled" in bptt("users", "list")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("tokens", "create", "--role", "root"),
        ("tokens", "create", "--expires", "0"),
        ("tokens", "create", "--expires", "soon"),
        ("tokens", "create", "--expires", "nan"),
        ("tokens", "create", "--label", "two\nlines"),
        ("tokens", "create", "--label", "x" * 201),
        ("tokens", "create", "--user", ""),
        ("tokens", "create", "--user", " "),
        ("tokens", "create", "--user", "ada/bob"),
        ("tokens", "create", "--user=-x"),
        ("tokens", "revoke"),
        ("users", "set", "anna"),
        ("users", "set", "anna", "--weight", "0"),
        ("users", "set", "anna", "--weight", "nan"),
        ("users", "set", "anna", "--max-running", "-1"),
        ("users", "set", "anna", "--max-running", "many"),
        ("users", "set", "anna", "--max-queued", "none"),
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_misuse_of_users_and_tokens_is_told_with_exit_code_2(bptt, arguments, home):
    code, out, errors = bptt(*arguments)

    assert (code, out) == (2, "")
    assert errors
    assert not home.exists()


def test_a_team_works_with_one_server(bptt, server, monkeypatch, tmp_path):
    admin = made(bptt, "--user", "root", "--role", "admin")
    anna, bob = made(bptt, "--user", "anna"), made(bptt, "--user", "bob")
    monkeypatch.setenv("BPTT_SERVER", server("--host", "0.0.0.0"))
    secret = tmp_path / "secret"
    secret.write_text(anna)

    code, out, (error,) = bptt("grids")
    assert (code, out, "set BPTT_TOKEN" in error) == (2, "", True)

    monkeypatch.setenv("BPTT_TOKEN_FILE", str(secret))
    assert bptt("submit", "bias.yaml")[0] == 0
    assert "bias" in bptt("grids")[1]
    code, out, (error,) = bptt("submit", "bias.yaml", "--force", "--class", "urgent")
    assert (code, out, "Only an admin" in error) == (2, "", True)
    code, out, (error,) = bptt("users", "set", "anna", "--weight", "9")
    assert (code, out, "Only an admin" in error) == (2, "", True)

    monkeypatch.delenv("BPTT_TOKEN_FILE")
    monkeypatch.setenv("BPTT_TOKEN", bob)
    assert bptt("grids") == (
        0,
        "",
        ["No grids yet. Queue one with: bptt submit FILE. Those of others: bptt grids --all-users"],
    )
    assert "anna" in bptt("grids", "--all-users")[1]
    for command in (
        *(("cancel", "bias", "--yes"), ("hold", "bias"), ("release", "bias")),
        *(("retry", "bias", "--failed"), ("fill", "bias"), ("priority", "bias", "1")),
        *(("extend", "bias", "--set", "seeds=3"), ("delete", "bias", "--yes")),
    ):
        code, out, (error,) = bptt(*command)
        assert (code, out) == (2, ""), command
        assert re.fullmatch(
            r"Grid \w{5} is anna's, and you are bob: ask anna, or an admin\.", error
        )

    monkeypatch.setenv("BPTT_TOKEN", admin)
    code, out, _ = bptt("priority", "bias", "0", "--class", "urgent")
    assert (code, out.endswith("class urgent.\n")) == (0, True)
    assert bptt("users", "set", "bob", "--disable")[0] == 0
    assert len(json.loads(bptt("tokens", "list", "--json")[1])) == 3
    monkeypatch.setenv("BPTT_TOKEN", bob)
    assert bptt("status")[0] == 2
    assert bptt("grids")[2] == ["The user bob is disabled. Ask whoever runs the server."]


def test_two_users_train_on_texts_of_their_own_that_no_server_opens(
    bptt, server, monkeypatch, tmp_path, home
):
    made(bptt, "--user", "root", "--role", "admin")
    people = {user: made(bptt, "--user", user) for user in ("anna", "bob")}
    monkeypatch.setenv("BPTT_SERVER", server("--host", "0.0.0.0"))
    Path("text.yaml").write_text(
        "task: {name: char_lm, text: text.txt, window: 8}\ncell: rnn\nname: text\n"
    )
    for user, token in people.items():
        monkeypatch.setenv("BPTT_TOKEN", token)
        Path("text.txt").write_text(f"{user} sat on the mat. " * 200)
        code, out, errors = bptt("submit", "text.yaml", "--dry-run")
        assert (code, "Not there yet: text.txt (" in out) == (0, True)
        code, out, errors = bptt("submit", "text.yaml")
        assert (code, "Queued 1 run" in out) == (0, True), errors
        assert any("is new there: sent." in line for line in errors)
        assert "is in the queue already" in bptt("submit", "text.yaml")[1]
    assert len(list((home / "data").glob("??/*"))) == 2

    Path("text.txt").unlink()
    for path in ("text.txt", "/no/such/file", "/proc/self"):
        code, out, errors = bptt("submit", "text.yaml", "--set", f"task.text={path}")
        assert (code, out) == (2, "")
        assert all("task.text must be the path of a file" in error for error in errors[-1:])
    code, out, errors = bptt("submit", "text.yaml", "--set", f"task.text=sha256:{'0' * 64}")
    assert (code, "You have sent no content sha256:000" in errors[-1]) == (2, True)
    assert bptt("extend", "text", "--set", "seeds=3")[0] == 0


def test_a_token_sent_in_clear_is_warned_of_once(bptt, monkeypatch):
    monkeypatch.setenv("BPTT_TOKEN", f"bptt_{'A' * 43}")
    # the address of nobody, refused at once by this machine
    address = "http://0.0.0.0:1"

    for command in ("grids", "status"):
        code, out, errors = bptt("--server", address, command)
        assert code == 75
        warnings = [line for line in errors if line.startswith("Warning")]
        assert len(warnings) == 1
        assert warnings[0].startswith(f"Warning: the token goes to {address} unencrypted;")
        assert "A" * 43 not in out + "".join(errors)


def test_a_token_is_shown_by_no_command_and_no_traceback(bptt, monkeypatch, installed):
    secret = "S" * 43
    monkeypatch.setenv("BPTT_TOKEN", f"bptt_{secret}")
    for arguments in (
        ("--debug", "--server", "http://127.0.0.1:1", "grids"),
        ("--server", "http://127.0.0.1:1", "status", "--json"),
        ("status", "--json"),
    ):
        code, out, errors = installed(*arguments)
        assert secret not in out + "\n".join(errors), arguments

    monkeypatch.setenv("BPTT_TOKEN", f"bptt_{secret}S")
    code, out, errors = installed("--debug", "grids")
    assert code != 0
    assert secret not in out + "\n".join(errors)
