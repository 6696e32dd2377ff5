"""The team server of docker-compose.yml on a real engine, in a project of its own."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.servers import free_port

ROOT = Path(__file__).parent.parent.parent
PROJECT = "bptt-proof"
SERVICES = ("postgres", "redis", "mlflow", "api", "worker")
LASTING = 900.0
"""Seconds for what takes one or two minutes: other work may have the processors."""
BUILDING = 3600.0


def say(text: str) -> None:
    """Write a line of the log that a person reads."""
    print(f"{datetime.now():%H:%M:%S}  {text}", flush=True)


def status(url: str, authorization: str = "", sent: bytes | None = None) -> int:
    """Return the status with which the server answers to us."""
    request = urllib.request.Request(url, data=sent)
    request.add_header("Content-Type", "application/json")
    if authorization:
        request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


class Stack:
    """The whole deployment, under names, ports and passwords that disturb no other one.

    Args:
        folder: for .env and the grids.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = folder / ".env"
        self.ports = {"API_PORT": free_port(), "MLFLOW_PORT": free_port()}
        subprocess.run(["sh", ROOT / "deploy/secrets.sh", self.env], check=True)
        # small, and quick to give up what is lost
        chosen = {**self.ports, "LEASE_SECONDS": 30, "CHECKPOINT_SECONDS": 1, "WORKER_SLOTS": 2}
        self.settings: dict[str, str] = {}
        for line in self.env.read_text().splitlines():
            name, found, value = line.partition("=")
            if found and not line.startswith("#"):
                self.settings[name] = str(chosen.get(name, value))
        self.env.write_text("".join(f"{name}={text}\n" for name, text in self.settings.items()))

    def docker(
        self, *arguments: str, check: bool = True, given: str | None = None, within: float = LASTING
    ) -> subprocess.CompletedProcess[str]:
        """Run a docker command to its end."""
        done = subprocess.run(
            ["docker", *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=within,
            cwd=self.folder,
            check=False,
        )
        if check and done.returncode != 0:
            told = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
            raise AssertionError(f"docker {' '.join(arguments)}: {done.returncode}\n{told}")
        return done

    def compose(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a compose command in this project."""
        place = ("--project-name", PROJECT, "--env-file", str(self.env))
        return self.docker(
            "compose", *place, "-f", f"{ROOT}/docker-compose.yml", *arguments, **options
        )

    def up(self, *arguments: str, build: bool = False) -> None:
        """Start what is not running, as an administrator would, and wait until all is healthy."""
        options = ["--build"] if build else []
        self.compose("up", "--detach", "--wait", *options, *arguments, within=BUILDING)
        assert self.is_healthy()

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers, running or not."""
        return self.compose("ps", "--all", "--quiet", service).stdout.split()

    def inspect(self, *ids: str) -> list[dict[str, Any]]:
        """Return what the engine knows about containers."""
        return list(json.loads(self.docker("inspect", *ids).stdout)) if ids else []

    def is_healthy(self, services: Sequence[str] = SERVICES) -> bool:
        """Say whether every container of these services runs and its health check says so."""
        for service in services:
            found = self.inspect(*self.containers(service))
            states = [one["State"] for one in found]
            if not states or any(s.get("Health", {}).get("Status") != "healthy" for s in states):
                return False
        return True

    def wait(self, holds: Callable[[], bool], what: str, within: float = LASTING) -> None:
        """Poll until something holds."""
        deadline = time.monotonic() + within
        while not holds():
            if time.monotonic() > deadline:
                logs = self.compose("logs", "--tail", "15", check=False).stdout
                raise AssertionError(f"not within {within:.0f} s: {what}\n{logs[-12000:]}")
            time.sleep(2.0)

    def client(self, token: str | None, *arguments: str, check: bool = True) -> str:
        """Give a bptt command in a container that reaches only what is published to people.

        Returns:
            What it printed; if it failed and may, exit code and error.
        """
        token_given = [] if token is None else ["--env", f"BPTT_TOKEN={token}"]
        done = self.docker(
            *("run", "--rm", "--network", f"{PROJECT}_outside"),
            *("--env", "BPTT_SERVER=http://api:8080", *token_given),
            *("--volume", f"{self.folder / 'grids'}:/grids:ro", "--workdir", "/grids"),
            *("bptt", "bptt", *arguments),
            check=check,
        )
        return done.stdout if done.returncode == 0 else f"{done.returncode}: {done.stderr}"

    def inside(self, *arguments: str) -> str:
        """Give a bptt command in a container of its own beside the API."""
        return self.compose("run", "--rm", "--no-TTY", "api", "bptt", *arguments).stdout

    def query(self, statement: str, database: str = "bptt") -> list[list[str]]:
        """Return rows read past all code of the program; wait for PostgreSQL if it is away."""
        deadline = time.monotonic() + LASTING
        while True:
            done = self.compose(
                *("exec", "--no-TTY", "postgres", "psql", "--username", "postgres"),
                *("--dbname", database, "--csv", "--tuples-only", "--command", statement),
                check=False,
            )
            if done.returncode == 0:
                return [line.split(",") for line in done.stdout.splitlines()]
            if time.monotonic() > deadline:
                raise AssertionError(done.stderr)
            time.sleep(2.0)

    def number(self, statement: str, database: str = "bptt") -> int:
        """Return the one number that a query finds."""
        return int(self.query(statement, database)[0][0])

    def write_grid(self, name: str, *, seeds: Sequence[int], steps: int) -> str:
        """Write a grid of small runs, which take some seconds each, and return its file."""
        (self.folder / "grids").mkdir(exist_ok=True)
        (self.folder / "grids" / f"{name}.yaml").write_text(
            f"""
name: {name}
project: proof
task: {{name: latch, length: 10}}
cell: rnn
model: {{hidden_size: 8}}
training:
  {{steps: {steps}, batch_size: 8, evaluate_every: 100, evaluation_size: 64,
    stop_when_solved: false}}
statistics: {{interval: 500, jacobian_interval: 0}}
seeds: [{", ".join(map(str, seeds))}]
"""
        )
        # the container reads it as a user of its own
        os.chmod(self.folder, 0o755)
        return f"{name}.yaml"

    def crash(self, container: str) -> None:
        """Kill the program of a container from within, so that the engine sees it die."""
        # the first process is init, which dies with the program, its child
        kill = "kill -9 $(cat /proc/1/task/1/children)"
        self.docker("exec", container, "sh", "-c", kill, check=False)

    def restarts(self, container: str) -> int:
        """Return how often the engine has started a container again by itself."""
        return int(self.inspect(container)[0]["RestartCount"])

    def unfinished(self) -> int:
        """Return how many runs have not ended."""
        live = "('held', 'queued', 'running')"
        return self.number(f"SELECT count(*) FROM runs WHERE status IN {live}")

    def remove(self) -> None:
        """Remove every container, network and volume of the project."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20", check=False)
