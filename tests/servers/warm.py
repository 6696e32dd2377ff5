"""The command line in a process of its own, forked from one that has imported the program.

`python -m bptt` imports for half a second to two seconds what then works for milliseconds. Here
only one process does so, for all commands of a test process. Everything else is as after `exec`:
arguments, environment, folder, files, signals, the exit code; what other processes see of it as
well, but for its command line. What a command does in a fresh interpreter, as a user gives it, is
tested by the tutorial, the demo, the light start and whatever starts a worker.
"""

import atexit
import functools
import importlib
import json
import os
import pkgutil
import runpy
import select
import selectors
import signal
import site
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
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
LENGTH = struct.Struct("!I")


class Command(subprocess.Popen[str]):
    """A command that was started; takes what Popen takes, but for `preexec_fn`.

    Not warm, it is a fresh interpreter, which has a command line and its own memory alone.
    """

    def __init__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
        warm: bool = True,
        **options: Any,
    ) -> None:
        self._asked = {
            "arguments": arguments,
            "env": dict(os.environ if env is None else env),
            "cwd": str(cwd or Path.cwd()),
            "new_session": options.get("start_new_session", False),
        }
        self._is_warm = warm and _at_start(self._asked["env"]) == _at_start(os.environ)
        command = [sys.executable, "-m", "bptt", *arguments]
        super().__init__(command, env=env, cwd=cwd, text=True, **options)

    def _execute_child(self, *given: Any) -> None:
        if not self._is_warm:
            return super()._execute_child(*given)
        pipes = given[10:16]
        stdin, _, _, stdout, _, stderr = pipes
        self._ended, theirs = os.pipe()
        files = [own if pipe == -1 else pipe for own, pipe in enumerate((stdin, stdout, stderr))]
        _ask(json.dumps(self._asked).encode(), [*files, theirs])
        os.close(theirs)
        self.pid = int.from_bytes(os.read(self._ended, 4))
        self._child_created = True
        self._close_pipe_fds(*pipes)

    def _internal_poll(self, *given: Any, **more: Any) -> int | None:
        if not self._is_warm:
            return super()._internal_poll(*given, **more)
        if self.returncode is None and (ended := self._try_wait(os.WNOHANG))[0]:
            self._handle_exitstatus(ended[1])
        return self.returncode

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if not self._is_warm:
            return super()._try_wait(wait_flags)
        if wait_flags & os.WNOHANG and not select.select([self._ended], [], [], 0)[0]:
            return 0, 0
        status = int.from_bytes(os.read(self._ended, 4))
        os.close(self._ended)
        return self.pid, status


def run(
    *arguments: str, stdin: str = "", timeout: float = 300.0, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Give a command and wait for its end; what it prints is in the result.

    Raises:
        subprocess.TimeoutExpired: it was killed.
    """
    pipe = subprocess.PIPE
    with Command(*arguments, stdin=pipe, stdout=pipe, stderr=pipe, **options) as command:
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


_one_by_one = threading.Lock()


def _ask(message: bytes, files: list[int]) -> None:
    with _one_by_one:
        server = _server()
        socket.send_fds(server, [LENGTH.pack(len(message))], files)
        server.sendall(message)


@functools.cache
def _server() -> socket.socket:
    """Start the process that commands are forked from; it ends when this one is gone."""
    ours, theirs = socket.socketpair()
    environment = {n: v for n, v in os.environ.items() if n != "PYTHONPATH"}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.warm"],
            stdin=theirs,
            # else numpy has threads, which a fork does not have
            env=environment | {"OPENBLAS_NUM_THREADS": "1"},
            cwd=ROOT,
            start_new_session=True,
        )
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _serve() -> None:
    """Fork a process for each command that is asked for, and tell how it ended."""
    server = socket.socket(fileno=os.dup(0))
    _import()
    woken, wake = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ends: dict[int, int] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is woken:
                    woken.recv(1024)
                    _tell_ends(ends)
                elif not _begin(server, ends):
                    return


def _import() -> None:
    import bptt.cli.commands
    from bptt.imported import importing

    with importing():
        names = [found.name for found in pkgutil.iter_modules(bptt.cli.commands.__path__)]
        for name in (*IMPORTED, *(f"bptt.cli.commands.{name}" for name in names)):
            importlib.import_module(name)
    (_only_thread,) = Path("/proc/self/task").iterdir()


def _begin(server: socket.socket, ends: dict[int, int]) -> bool:
    """Fork what is asked for next; False: nobody will ask again."""
    head, files, *_ = socket.recv_fds(server, LENGTH.size, 4)
    if not head:
        return False
    (length,) = LENGTH.unpack(head)
    asked = json.loads(server.recv(length, socket.MSG_WAITALL))
    if (pid := os.fork()) == 0:
        _become(files[:3], **asked)
    os.write(files[3], pid.to_bytes(4))
    for file in files[:3]:
        os.close(file)
    ends[pid] = files[3]
    return True


def _tell_ends(ends: dict[int, int]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            file = ends.pop(ended[0])
            # nobody may wait for it any more
            with suppress(BrokenPipeError):
                os.write(file, ended[1].to_bytes(4))
            os.close(file)


def _become(
    files: list[int], arguments: list[str], env: dict[str, str], cwd: str, new_session: bool
) -> NoReturn:
    """Be what `python -m bptt` is once it has imported all this."""
    code: Any = 1
    try:
        _surround(files, env, cwd, new_session)
        sys.argv = ["bptt", *arguments]
        runpy.run_module("bptt", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    with suppress(BaseException):
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _surround(files: list[int], env: dict[str, str], cwd: str, new_session: bool) -> None:
    """Give this process what `exec` would have given it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if new_session:
        os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    tempfile.tempdir = None
    # as Python makes its own, which are never closed
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        own = getattr(sys, name)
        how = {"encoding": own.encoding, "errors": own.errors}
        how |= {"buffering": 1} if name == "stderr" else {}
        file = open(number, "w" if number else "r", closefd=False, **how)  # noqa: SIM115
        setattr(sys, name, file)
    added = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:1] = [cwd, *added]
    importlib.invalidate_caches()
    if added:
        sys.modules.pop("sitecustomize", None)
        site.execsitecustomize()


if __name__ == "__main__":
    _serve()
