"""MLflow as the team server starts it: by its script, with its three users."""

import base64
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.servers import free_port, put_mlflow_database
from tests.servers.process import Server

SCRIPT = Path(__file__).parent.parent.parent.parent / "deploy/mlflow.sh"
PASSWORDS = {name: f"password of {name}" for name in ("admin", "bptt", "team")}


class TeamMlflow(Server):
    """MLflow on a port of this machine, over SQLite in its folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        put_mlflow_database(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def launch(self, log: Any) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "MLFLOW_PORT": str(self.port),
            "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{self.folder}/mlflow.db",
            "MLFLOW_AUTH_DATABASE_URI": f"sqlite:///{self.folder}/auth.db",
            "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORDS["admin"],
            "MLFLOW_WORKER_PASSWORD": PASSWORDS["bptt"],
            "MLFLOW_TEAM_PASSWORD": PASSWORDS["team"],
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "secret",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONWARNINGS": "ignore",
        }
        return subprocess.Popen(
            ["sh", SCRIPT, "--artifacts-destination", str(self.folder / "artifacts")],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=self.folder,
        )

    def answers(self) -> bool:
        return (self.folder / "users").exists()

    def ask(self, user: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and content of what somebody is answered."""
        pair = base64.b64encode(f"{user}:{PASSWORDS[user]}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Basic {pair}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, content = answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                status, content = refusal.code, refusal.read().decode()
        with suppress(ValueError):
            return status, json.loads(content)
        return status, content

    def kill(self) -> None:
        # the process that serves is a child of the one that was started
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        super().kill()

    def stop(self) -> None:
        self.kill()
