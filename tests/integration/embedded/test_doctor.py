"""`bptt doctor`: finds what is wrong with a machine, and nothing where nothing is."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path

from bptt import __version__
from bptt.doctor.examine import examine
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
    del home.environment["BPTT_MLFLOW_URL"]

    answer = home.bptt("doctor")

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert {line.split()[0] for line in answer.stdout.splitlines()} == {"ok"}
    assert not home.folder.exists()


def test_whatever_is_a_warning_is_told_beside_all_the_others(folder: Path) -> None:
    metadata = folder / "broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[bptt.cells]\nlost = no_such_module:Cell\n")
    (folder / "home").mkdir()
    (folder / "home").chmod(0o777)
    with (
        start_redis(folder / "redis", tcp=True) as server,
        closing(server.client()) as client,
    ):
        client.config_set("maxmemory-policy", "allkeys-lru")
        home = Home(
            folder / "home",
            PYTHONPATH=with_path(folder),
            BPTT_REDIS_URL=server.url,
            BPTT_MLFLOW_URL="http://127.0.0.1:1",
        )

        found = examined(home)

    warned = {what: told for (level, what), told in found.items() if level == "warn"}
    assert warned["plugins"].startswith("broken[lost] 1.0 (no_such_module:Cell) cannot be")
    assert warned["home"].endswith(f"chmod go-w {home.folder}")
    assert "drops keys when it is full (allkeys-lru)" in warned["Redis"]
    assert "does not answer; what runs measure waits" in warned["MLflow"]
    assert {level for level, _ in found} == {"ok", "warn"}
    assert server.password not in str(found)


def test_services_that_do_not_answer_and_a_torch_that_is_not_there_are_failures(
    folder: Path,
) -> None:
    (folder / "torch.py").write_text("raise ImportError('no libgomp on this machine')\n")
    home = Home(
        folder / "home",
        PYTHONPATH=with_path(folder),
        BPTT_REDIS_URL="redis://127.0.0.1:1/0",
        BPTT_DATABASE_URL="postgresql://127.0.0.1:1/x",
    )

    found = examined(home, code=1)

    assert "A process to train in does not start" in found["fail", "training"]
    assert "Nothing listens" in found["fail", "Redis"]
    assert "does not answer" in found["fail", "database"]
    assert ("ok", "home") in found


def with_path(folder: Path) -> str:
    """Return PYTHONPATH with one more folder, before all others."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_a_database_of_another_version_and_a_stranger_on_the_socket_are_failures(
    home: Home,
) -> None:
    assert home.bptt("database", "upgrade").returncode == 0
    with closing(sqlite3.connect(home.folder / "bptt.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(home.folder / "redis.sock"))
        stranger.listen()

        found = examined(home, code=1)

    assert "is newer than this bptt" in found["fail", "database"]
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
        fixed = ours.bptt("doctor", "--fix")
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
    last = found.stdout.splitlines()[-1]
    assert "all above is the server's: to check what trains here, leave BPTT_SERVER" in last
    assert (fixed.returncode, "--fix mends this machine" in fixed.stderr) == (2, True)
    assert token not in found.stdout + found.stderr
    assert (reached.level, refused.level, refused.what) == ("ok", "fail", "server")
    assert "The server asks for a token: set BPTT_TOKEN" in refused.told
    assert (gone.level, gone.what) == ("fail", "server")
    assert f"The server {address} does not answer" in gone.told


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
