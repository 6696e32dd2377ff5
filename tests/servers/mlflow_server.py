"""MLflow as `bptt ui` runs it."""

import os
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from bptt.settings import Settings
from bptt.tracking import environment, server
from tests.servers.forked import Forked
from tests.servers.process import Server, free_port
from tests.servers.warm import Command

MAKE_DATABASE = """
import sys
from pathlib import Path
from bptt.tracking import Target
from bptt.tracking.client import connect
home = Path(sys.argv[1])
connect(Target(f"sqlite:///{home / 'mlflow.db'}", home))
"""
FORKED_FROM = "tests.servers.mlflow_command"


def put_mlflow_database(home: Path) -> None:
    """Give a home an empty database of MLflow, which takes MLflow seconds to make.

    Made once for all processes of the tests; where its making is what is tested, leave it out.
    """
    # the folder that the tests have to themselves
    template = Path(os.environ["XDG_CACHE_HOME"]) / "mlflow"
    if not (template / "mlflow.db").exists():
        # it appears whole, whoever else makes it; in this process mlflow would stay imported
        code = with_mlflow(MAKE_DATABASE, str(template)).wait()
        assert code == 0
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(template / "mlflow.db", home / "mlflow.db")


def with_mlflow(program: str, *arguments: str) -> Command:
    """Start what `python -c` would, in a process that has MLflow imported."""
    return Command("-c", program, *arguments, module=FORKED_FROM)


class MlflowServer(Server):
    """MLflow on a port of this machine, over the database in its folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        put_mlflow_database(folder)
        self.settings = Settings(home=folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings_of_client = Settings(mlflow_url=self.url)

    def launch(self, log: Any) -> Forked:
        command = server.server_command(self.settings, self.port)
        return Command(
            *command[command.index("mlflow") + 1 :],
            module=FORKED_FROM,
            env=environment.for_server(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=1) as answer:
                return answer.read() == b"OK"
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> None:
        self.kill()
