"""Every command on a laptop: installed without extras, against a real server."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bptt import store
from bptt.settings import Settings
from tests.acceptance.queue.client_only import environment, make_client_only
from tests.integration.api.conftest import serve
from tests.servers import MlflowServer, short_folder, warm
from tests.tried_commands import ASKING, LOCAL

GRID = "name: far\ntask: {name: latch, length: 10}\ncell: [rnn, gru]\nseeds: 2\n"


@dataclass
class Laptop:
    """The program there, its home, and a server with a token."""

    program: Path
    folder: Path
    server: str
    token: str

    def bptt(self, *arguments: str, server: bool = True) -> subprocess.CompletedProcess[str]:
        return warm.run(
            *arguments,
            env=self.environment(server),
            cwd=self.folder,
            module="tests.acceptance.queue.client_commands",
            python=self.python,
        )

    def environment(self, server: bool = True) -> dict[str, str]:
        named = {"BPTT_SERVER": self.server, "BPTT_TOKEN": self.token} if server else {}
        return environment(BPTT_HOME=str(self.folder / "home"), **named)

    @property
    def python(self) -> str:
        return str(self.program.with_name("python"))


@pytest.fixture(scope="module")
def laptop() -> Iterator[Laptop]:
    with short_folder() as folder, MlflowServer(folder / "m").start() as mlflow:
        settings = Settings(home=folder / "home-of-server", mlflow_url=mlflow.url)
        database = store.open_database(settings.database)
        store.upgrade(database)
        token, _ = store.create_token(database, user="root", role="admin")
        database.close()
        with serve(settings, "--require-tokens", said=subprocess.DEVNULL) as server:
            (folder / "laptop").mkdir()
            (folder / "laptop" / "far.yaml").write_text(GRID)
            program = make_client_only(folder / "venv")
            yield Laptop(program, folder / "laptop", server, token)


def test_nothing_that_trains_is_installed_there(laptop: Laptop) -> None:
    names = ("torch", "mlflow", "sqlalchemy", "fastapi", "redis", "celery", "numpy")
    find = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    there = [
        subprocess.check_output([python, "-c", find]) for python in (laptop.python, sys.executable)
    ]

    assert [text.decode().strip() for text in there] == ["[]", str(list(names))]


def test_the_program_that_is_installed_there_asks_the_server(laptop: Laptop) -> None:
    asked = subprocess.check_output(
        [laptop.program, "status"], env=laptop.environment(), cwd=laptop.folder, text=True
    )

    assert asked == laptop.bptt("status").stdout
    assert laptop.server in asked


def test_every_command_that_asks_a_server_works_there(laptop: Laptop) -> None:
    queued = laptop.bptt("submit", "far.yaml", "--json")
    assert queued.returncode == 0, queued.stderr
    grid = json.loads(queued.stdout)["grid_id"]
    queued = laptop.bptt("submit", "far.yaml", "--set", "name=other", "--json")
    names = {"grid": grid, "run": f"{grid}-0", "other": json.loads(queued.stdout)["grid_id"]}
    for command in ASKING:
        done = laptop.bptt(*(word.format(**names) for word in command))
        said = f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "not installed" not in said
        assert "Traceback" not in said
        assert "bptt failed" not in said
        nothing_yet = command[0] in ("compare", "logs", "ui", "watch", "retry") and done.returncode
        assert done.returncode == 0 or nothing_yet, said


@pytest.mark.parametrize("command", LOCAL.values(), ids=LOCAL)
@pytest.mark.parametrize("server", [True, False])
def test_what_only_a_machine_that_trains_can_do_says_so_in_one_line(
    laptop: Laptop, command: list[str], server: bool
) -> None:
    done = laptop.bptt(*command, server=server)
    said = done.stdout + done.stderr
    print(done.returncode, said)
    assert len(said.splitlines()) == 1
    if command == ["down"]:
        # true there as well: nothing is up
        assert "is up" in said
    else:
        assert done.returncode == 2
        assert re.search(r"pip install 'bptt\[local\]'|BPTT_SERVER", said)


def test_doctor_without_a_server_says_what_to_install_and_that_a_server_would_do(
    laptop: Laptop,
) -> None:
    done = laptop.bptt("doctor", server=False)
    assert done.returncode == 1
    assert "pip install 'bptt[local]'; or name a team's server in BPTT_SERVER" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_doctor_tells_of_a_token_that_does_not_hold(laptop: Laptop) -> None:
    stranger = Laptop(laptop.program, laptop.folder, laptop.server, "bptt_" + "x" * 43)
    done = stranger.bptt("doctor")
    assert done.returncode == 1
    assert "fail  server" in done.stdout
