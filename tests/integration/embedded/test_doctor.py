"""`bptt doctor`: finds what is wrong with a machine, and nothing where nothing is."""

import json
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from bptt import __version__
from bptt.embedded.doctor import examine
from bptt.settings import Settings
from tests.integration.embedded.homes import Home
from tests.servers import free_port, start_redis, until
from tests.servers.process import die_with_parent

Found = dict[tuple[str, str], str]


def examined(home: Home, code: int = 0) -> Found:
    """Return what was told, by level and what was looked at."""
    answer = home.bptt("doctor", "--json")
    assert answer.returncode == code, answer.stdout + answer.stderr
    return {(found["level"], found["what"]): found["told"] for found in json.loads(answer.stdout)}


def test_nothing_is_wrong_with_the_machine_that_runs_these_tests(home: Home) -> None:
    answer = home.bptt("doctor")

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert {line.split()[0] for line in answer.stdout.splitlines()} == {"ok"}
    assert not home.folder.exists()


def test_a_plugin_that_does_not_load_is_named(folder: Path) -> None:
    metadata = folder / "broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[bptt.cells]\nlost = no_such_module:Cell\n")
    home = Home(folder / "home", PYTHONPATH=str(folder))

    found = examined(home)

    assert found["warn", "plugins"].startswith("broken[lost] 1.0 (no_such_module:Cell) cannot be")


def test_a_home_that_others_may_write_in_is_a_warning(home: Home) -> None:
    home.folder.mkdir()
    home.folder.chmod(0o777)

    found = examined(home)

    assert found["warn", "home"].endswith(f"chmod go-w {home.folder}")


def test_a_redis_that_drops_keys_is_a_warning(folder: Path) -> None:
    with (
        start_redis(folder / "redis", tcp=True) as server,
        closing(server.client()) as client,
    ):
        client.config_set("maxmemory-policy", "allkeys-lru")
        home = Home(folder / "home", BPTT_REDIS_URL=server.url)

        found = examined(home)

        assert "drops keys when it is full (allkeys-lru)" in found["warn", "Redis"]
        assert server.password not in str(found)


@pytest.mark.parametrize(
    ("variable", "value", "what", "told"),
    [
        ("BPTT_REDIS_URL", "redis://127.0.0.1:1/0", "Redis", "Nothing listens"),
        ("BPTT_DATABASE_URL", "postgresql://127.0.0.1:1/x", "database", "does not answer"),
    ],
)
def test_a_service_that_does_not_answer_is_a_failure(
    folder: Path, variable: str, value: str, what: str, told: str
) -> None:
    home = Home(folder / "home", **{variable: value})

    found = examined(home, code=1)

    assert told in found["fail", what]


def test_an_mlflow_that_does_not_answer_only_delays(folder: Path) -> None:
    home = Home(folder / "home", BPTT_MLFLOW_URL="http://127.0.0.1:1")

    found = examined(home)

    assert "does not answer; what runs measure waits" in found["warn", "MLflow"]


def test_a_database_of_another_version_is_a_failure(home: Home) -> None:
    assert home.bptt("database", "upgrade").returncode == 0
    with closing(sqlite3.connect(home.folder / "bptt.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")

    found = examined(home, code=1)

    assert "is newer than this bptt" in found["fail", "database"]


def test_a_program_that_torch_cannot_be_imported_in_is_a_failure(folder: Path) -> None:
    (folder / "torch.py").write_text("raise ImportError('no libgomp on this machine')\n")
    home = Home(folder / "home", PYTHONPATH=str(folder))

    found = examined(home, code=1)

    assert "A process to train in does not start" in found["fail", "training"]


def test_a_stranger_on_the_socket_of_a_stack_that_is_down_is_found(home: Home) -> None:
    home.folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(home.folder / "redis.sock"))
        stranger.listen()

        found = examined(home, code=1)

    assert "End that process, or set BPTT_HOME" in found["fail", "Redis"]


def test_a_server_that_is_named_is_asked_who_we_are(home: Home) -> None:
    made = home.bptt("tokens", "create", "--user", "anna", "--role", "admin")
    token = made.stdout.strip()
    port = free_port()
    command = [sys.executable, "-m", "bptt", "api", "--port", str(port), "--require-tokens"]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        command, env=home.environment, stdout=subprocess.DEVNULL, preexec_fn=die_with_parent
    )
    try:
        assert until(lambda: answers(port))
        ours = Home(home.folder, BPTT_SERVER=address, BPTT_TOKEN=token)
        found = ours.bptt("doctor")
        nobody = Settings(home=home.folder, server=address)
        # only what it begins with
        reached, refused = islice(examine(nobody), 2)
    finally:
        server.terminate()
        server.wait()
    gone = next(examine(nobody))

    assert found.returncode == 0, found.stdout
    first, second = found.stdout.splitlines()[:2]
    assert first == f"ok    server    {address} is bptt {__version__}"
    who = "there we are anna, role admin"
    assert second == f"ok    server    it takes our token {token[:13]}: {who}"
    assert token not in found.stdout + found.stderr
    assert (reached.level, refused.level, refused.what) == ("ok", "fail", "server")
    assert "The server asks for a token: set BPTT_TOKEN" in refused.told
    assert (gone.level, gone.what) == ("fail", "server")
    assert f"The server {address} does not answer" in gone.told


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
