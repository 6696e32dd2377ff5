"""Processes forked from one that has imported what they need, the same for all test processes.

An import of torch or MLflow takes seconds, and hundreds of processes of the tests need one. A
module says what is imported and what a fork does, by `prepare` and `become`; everything else is as
after `exec`: environment, folder, files, signals, the exit code. What other processes see of it is
as well, but for its command line and the environment in /proc.
"""

import atexit
import contextlib
import fcntl
import functools
import importlib
import json
import os
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
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
CONTROLLER = "TESTS_CONTROLLER"
"""Variable with the process that began the session; what others are forked from ends with it."""
SERVE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("forked", sys.argv[1])
forked = importlib.util.module_from_spec(spec)
spec.loader.exec_module(forked)
forked.serve(sys.argv[2])
"""
"""Without the package of this file, which imports what may not be installed there."""
LENGTH = struct.Struct("!I")
NUMBER = struct.Struct("!i")


class Forked:
    """A process that was forked, as its starter sees it; has the methods of Popen.

    Args:
        module: whose `become` it calls.
        arguments: of `become`.
        files: its standard input, output and errors.
        env: its environment; None: that of this process.
        cwd: its folder; None: that of this process.
        python: the interpreter that has imported.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        files: Sequence[int],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
        python: str = sys.executable,
    ) -> None:
        asked = {
            "arguments": arguments,
            "env": dict(os.environ if env is None else env),
            "cwd": str(cwd or Path.cwd()),
        }
        message = json.dumps(asked).encode()
        self.args = [python, "-m", module, *arguments]
        self.returncode: int | None = None
        self._parent = socket.socket(socket.AF_UNIX)
        self._parent.connect(_place(module, python))
        socket.send_fds(self._parent, [LENGTH.pack(len(message))], list(files))
        self._parent.sendall(message)
        self.pid = self._receive()

    def poll(self) -> int | None:
        """Return the exit code, minus the number of a signal; None while it is alive."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code."""
        if self.returncode is None:
            self._parent.settimeout(timeout)
            try:
                self.returncode = os.waitstatus_to_exitcode(self._receive())
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._parent.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is alive."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def _receive(self) -> int:
        received = self._parent.recv(NUMBER.size)
        if not received:
            raise RuntimeError(f"what {self.args} is forked from is gone")
        return int(NUMBER.unpack(received)[0])


@functools.cache
def _place(module: str, python: str) -> str:
    """Return the socket of what processes are forked from, which is started by the first to ask."""
    name = zlib.crc32(f"{module} {python}".encode())
    place = os.path.join(os.environ["XDG_CACHE_HOME"], f"{name:08x}.socket")
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(place):
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(place)
                listener.listen(100)
                environment = {n: v for n, v in os.environ.items() if n != "PYTHONPATH"}
                # it leaves at once: nobody here has to wait for what outlives this process
                subprocess.run(
                    ["setsid", "--fork", python, "-c", SERVE, __file__, module],
                    stdin=listener,
                    # else numpy has threads, which a fork does not have
                    env=environment | {"OPENBLAS_NUM_THREADS": "1"},
                    cwd=ROOT,
                    check=True,
                )
    return place


def serve(name: str) -> NoReturn:
    """Fork a process for each that is asked for and tell how it ended, while the session lasts."""
    module = importlib.import_module(name)
    module.prepare()
    (_only_thread,) = Path("/proc/self/task").iterdir()
    ends: dict[int, socket.socket] = {}
    with _woken_by_ends() as woken, selectors.DefaultSelector() as selector:
        listener = socket.socket(fileno=os.dup(0))
        controller = os.pidfd_open(int(os.environ[CONTROLLER]))
        for file in (listener, woken, controller):
            selector.register(file, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj == controller:
                    os._exit(0)
                if key.fileobj is woken:
                    woken.recv(1024)
                    _tell_ends(ends)
                else:
                    starter, _ = listener.accept()
                    _begin(module, starter, ends)


@contextlib.contextmanager
def _woken_by_ends() -> Iterator[socket.socket]:
    """Yield what can be read whenever a child has ended."""
    woken, wake = socket.socketpair()
    with woken, wake:
        woken.setblocking(False)
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        yield woken


def _begin(module: Any, starter: socket.socket, ends: dict[int, socket.socket]) -> None:
    head, files, *_ = socket.recv_fds(starter, LENGTH.size, 3)
    if not head:
        # it was killed before it could ask
        return
    (length,) = LENGTH.unpack(head)
    asked = json.loads(starter.recv(length, socket.MSG_WAITALL))
    if (pid := os.fork()) == 0:
        _become(module, files, **asked)
    for file in files:
        os.close(file)
    ends[pid] = starter
    _tell(starter, pid)


def _tell_ends(ends: dict[int, socket.socket]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with ends.pop(ended[0]) as starter:
                _tell(starter, ended[1])


def _tell(starter: socket.socket, number: int) -> None:
    # it may be gone
    with suppress(BrokenPipeError, ConnectionResetError):
        starter.sendall(NUMBER.pack(number))


def _become(
    module: Any, files: list[int], arguments: list[str], env: dict[str, str], cwd: str
) -> NoReturn:
    """Be what a fresh process is once it has imported all this."""
    code: Any = 1
    try:
        _surround(files, env, cwd)
        module.become(arguments)
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


def _surround(files: list[int], env: dict[str, str], cwd: str) -> None:
    """Give this process what `exec` would have given it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
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
