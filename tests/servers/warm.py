"""The command line in a process of its own, forked from one that has imported the program.

`python -m bptt` imports for half a second to two seconds what then works for milliseconds. Here
only one process does so, for all commands of the tests. What a command does in a fresh interpreter,
as a user gives it, is tested by the tutorial, the demo, the light start and whatever starts a
worker.
"""

import importlib
import os
import pkgutil
import runpy
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, Self

from tests.servers.forked import Forked

IMPORTED = (
    *("numpy", "torch", "scipy.stats"),
    *("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg", "uvicorn"),
    *("bptt.api.application", "bptt.api.drafts", "bptt.api.plugin_drafts", "bptt.client"),
    *("bptt.comparison", "bptt.conformance", "bptt.embedded.stack", "bptt.embedded.standing"),
    *("bptt.execution.execute", "bptt.run_file", "bptt.store"),
)
"""What commands import when they need it; no plugin, and nothing that reads a setting."""
HEEDED_AT_THE_START = ("PYTHON", "LD_", "LC_", "LANG")
"""Variables that a process looks at only once; `PYTHONPATH` is looked at again."""


class Command(Forked):
    """A command that was started; its pipes are those that Popen makes for text."""

    def __init__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        errors: str | None = None,
        module: str = __name__,
        python: str = sys.executable,
    ) -> None:
        self._reading: list[Future[str | None]] = []
        with ExitStack() as theirs:
            self.stdin, given = _open(stdin, 0, theirs, errors)
            self.stdout, said = _open(stdout, 1, theirs, errors)
            told = said if stderr == subprocess.STDOUT else stderr
            self.stderr, complained = _open(told, 2, theirs, errors)
            files = (given, said, complained)
            super().__init__(module, arguments, files, env=env, cwd=cwd, python=python)
        self.args = [python, "-m", "bptt", *arguments]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.wait()
        for file in (self.stdin, self.stdout, self.stderr):
            if file:
                file.close()

    def communicate(
        self, given: str = "", timeout: float | None = None
    ) -> tuple[str | None, str | None]:
        """Give it its input and wait for its end; return what it has written into pipes.

        Raises:
            subprocess.TimeoutExpired: it goes on; call again.
        """
        if not self._reading:
            readers = ThreadPoolExecutor(2)
            self._reading = [readers.submit(_read, file) for file in (self.stdout, self.stderr)]
            readers.shutdown(wait=False)
            if self.stdin:
                # it may have ended without reading
                with suppress(BrokenPipeError), self.stdin:
                    self.stdin.write(given)
        self.wait(timeout)
        said, complained = (reading.result(timeout) for reading in self._reading)
        return said, complained


def _read(file: IO[str] | None) -> str | None:
    if file is None:
        return None
    with file:
        return file.read()


def _open(
    wanted: Any, number: int, theirs: ExitStack, errors: str | None
) -> tuple[IO[str] | None, int]:
    """Return our end of a pipe, if there is one, and the file that a process is given."""
    if wanted is None:
        return None, number
    if wanted == subprocess.DEVNULL:
        return None, theirs.enter_context(open(os.devnull, "r+")).fileno()
    if wanted != subprocess.PIPE:
        return None, wanted if isinstance(wanted, int) else wanted.fileno()
    ends = os.pipe()
    ours, its = ends if number else ends[::-1]
    theirs.callback(os.close, its)
    return open(ours, "r" if number else "w", errors=errors), its


def start(
    *arguments: str, env: Mapping[str, str] | None = None, warm: bool = True, **options: Any
) -> Command | subprocess.Popen[str]:
    """Give a command; not warm, it has a command line of its own, and its memory is its alone."""
    if warm and _at_start(os.environ if env is None else env) == _at_start(os.environ):
        return Command(*arguments, env=env, **options)
    command = [sys.executable, "-m", "bptt", *arguments]
    return subprocess.Popen(command, env=env, text=True, **options)


def run(
    *arguments: str, stdin: str = "", timeout: float = 300.0, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Give a command and wait for its end; what it prints is in the result.

    Raises:
        subprocess.TimeoutExpired: it was killed.
    """
    pipe = subprocess.PIPE
    with start(*arguments, stdin=pipe, stdout=pipe, stderr=pipe, **options) as command:
        try:
            said = command.communicate(stdin, timeout)
        except BaseException:
            command.kill()
            raise
    return subprocess.CompletedProcess(command.args, command.returncode, *said)


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    found = {n: v for n, v in environment.items() if n.startswith(HEEDED_AT_THE_START)}
    found.pop("PYTHONPATH", None)
    return found


def prepare() -> None:
    """Import what commands import."""
    import bptt.cli.commands
    from bptt.imported import importing

    with importing():
        names = [found.name for found in pkgutil.iter_modules(bptt.cli.commands.__path__)]
        for name in (*IMPORTED, *(f"bptt.cli.commands.{name}" for name in names)):
            importlib.import_module(name)


def become(arguments: list[str]) -> None:
    """Do what `python -m bptt` does."""
    sys.argv = ["bptt", *arguments]
    runpy.run_module("bptt", run_name="__main__", alter_sys=True)
