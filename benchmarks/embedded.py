"""`bptt up` in a separate home, for measurements through the queue."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.faults.queue import witness

REST_SECONDS, REST_SHARE, REST_AT_MOST = 3.0, 0.05, 60.0
"""The stack is idle once it has used at most this share of a processor for this many seconds."""


class Embedded:
    """The whole stack on this machine, for the duration of a block."""

    def __init__(self, slots: int = 2) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bptt"))
        self.home = self.folder / "home"
        witness.install(self.folder / "site", self.folder / "witness", 0)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name[:5] != "BPTT_"},
            "PYTHONPATH": str(self.folder / "site"),
            "BPTT_HOME": str(self.home),
            "BPTT_SLOTS": str(slots),
        }

    def __enter__(self) -> "Embedded":
        self.bptt("up", "-d")
        return self

    def __exit__(self, *error: object) -> None:
        self.bptt("down")
        shutil.rmtree(self.folder)

    def bptt(self, *arguments: str) -> str:
        """Run a command and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "bptt", *arguments],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def submit(self, text: str, *options: str) -> None:
        """Queue the grid of a text."""
        file = self.folder / "grid.yaml"
        file.write_text(text)
        self.bptt("submit", str(file), *options)

    def query(self, statement: str) -> list[tuple[float, ...]]:
        """Return rows of the database."""
        with closing(sqlite3.connect(self.home / "bptt.db", timeout=30)) as connection:
            return list(connection.execute(statement))

    def wait(self) -> None:
        """Wait until nothing is queued or running.

        Raises:
            RuntimeError: a run has failed; its time would measure something else.
        """
        while self.query("SELECT 1 FROM runs WHERE status IN ('queued', 'running') LIMIT 1"):
            time.sleep(0.02)
        if failed := self.query("SELECT id, failure FROM runs WHERE status = 'failed' LIMIT 1"):
            raise RuntimeError(f"run {failed[0][0]} failed: {failed[0][1]}")

    def wait_for_shipping(self) -> None:
        """Wait until MLflow has everything, so that one round does not pay for another."""
        while self.query("SELECT 1 FROM runs WHERE mlflow = 'pending' LIMIT 1"):
            time.sleep(0.2)

    def rest(self) -> None:
        """Wait until everything is sent and drawn, a grid's own pages too."""
        self.wait_for_shipping()
        began = time.monotonic()
        while time.monotonic() - began < REST_AT_MOST:
            before = self.processor_seconds()
            time.sleep(REST_SECONDS)
            if self.processor_seconds() - before < REST_SHARE * REST_SECONDS:
                return

    def processor_seconds(self) -> float:
        """Return what all processes of the stack have used so far."""
        return sum(own + ended for _, own, ended in self._processes())

    def seconds_of_runs(self) -> float:
        """Return the processor time of the runs' processes that have ended."""
        # the process they are forked from has waited for them
        return sum(ended for command, _, ended in self._processes() if "forkserver" in command)

    def _processes(self) -> Iterator[tuple[str, float, float]]:
        """Yield the command of each, the seconds it used, and those of its ended children."""
        ticks = os.sysconf("SC_CLK_TCK")
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and f"BPTT_HOME={self.home}" in (
                    entry / "environ"
                ).read_text(errors="replace"):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    own, ended = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
                    yield (entry / "cmdline").read_text(), own / ticks, ended / ticks
            except OSError:
                continue
