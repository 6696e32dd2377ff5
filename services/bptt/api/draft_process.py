"""A process for one draft: forked, bounded in time and memory, and thrown away.

It is forked from one that has already imported torch. Whatever a plugin does in it (computing
endlessly, allocating, ending the process, starting others), the server carries on and says so.
"""

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from bptt.api.desk import Desk
from bptt.api.faults import body_of, rebuilt
from bptt.api.service import Service
from bptt.api.turn import Turn
from bptt.errors import BpttError, TooMuchWork
from bptt.host import die_with_forkserver, yield_processor
from bptt.memory_limit import is_memory, limit_memory, yield_memory
from bptt.settings import Settings, forget_secrets

P = ParamSpec("P")
A = TypeVar("A")

log = logging.getLogger(__name__)

CONTEXT = multiprocessing.get_context("forkserver")
_LOCK = threading.Lock()
"""multiprocessing reads an exit code only once, no matter which thread looks at its processes."""

BASE = 768 * 2**20
"""Bytes that a process has at most when it is forked, libraries included."""
LARGEST_ANSWER = 32 * 2**20
"""Bytes that the server accepts from a process."""
LONGEST_WAIT = 300.0
"""Seconds that a process may wait for a processor on a busy machine, besides those of its work."""
LOOK_EVERY = 0.25
"""Seconds between two looks at the memory of a process."""


@dataclass(frozen=True)
class Errand:
    """What a process is for, how long it may take, and the wording of its refusal."""

    doing: str
    seconds: float
    """Seconds until all plugin code has run, not counting those spent waiting for a processor."""
    advice: str
    then: str = ""
    whole_seconds: float = 0.0
    """For what comes `then`, from the beginning."""


class DraftProcesses:
    """Makes drafts, each in a process of its own, or in this one.

    Args:
        service: of the server.
        memory: bytes that a process may allocate; None: in this process, without bounds.
        turn: what may stop them before they are done.
    """

    def __init__(self, service: Service, memory: int | None, turn: Turn | None = None) -> None:
        self._service, self._memory = service, memory
        self._turn = turn or Turn(None)

    def within(self, turn: Turn) -> "DraftProcesses":
        """Return the same, for one turn of one request."""
        return DraftProcesses(self._service, self._memory, turn)

    def run(
        self,
        errand: Errand,
        draft: Callable[Concatenate[Desk, P], A],
        *args: P.args,
        **kw: P.kwargs,
    ) -> A:
        """Return what a function makes at a desk; for a thread.

        Raises:
            BpttError: what it raised.
            TooMuchWork: it took more time or memory than there is for one request, or ended its
                process.
            Stopped, GaveWay: its turn is over.
        """
        if self._memory is None:
            return draft(Desk(self._service, lambda: None), *args, **kw)
        made: A = _supervise(self._service, self._memory, self._turn, errand, draft, args)
        return made


def prepare() -> None:
    """Import what draft processes need, so that the first one need not wait for it."""
    CONTEXT.set_forkserver_preload(["bptt.api.draft_template"])
    with _started(CONTEXT.Process(target=os.getpid, daemon=True)) as process:
        process.join()


@contextlib.contextmanager
def _started(process: ForkServerProcess) -> Iterator[ForkServerProcess]:
    """Start a process, and make sure that it and whatever it started are gone in the end."""
    with _LOCK:
        process.start()
    try:
        yield process
    finally:
        if process.pid is not None:
            # it leads its process group, unless it has hardly begun
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    kill(process.pid, signal.SIGKILL)
        wait([process.sentinel], 10.0)
        with _LOCK:
            if process.exitcode is not None:
                process.close()


def _supervise(
    service: Service,
    memory: int,
    turn: Turn,
    errand: Errand,
    draft: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> Any:
    CONTEXT.set_forkserver_preload(["bptt.api.draft_template"])
    ours, theirs = CONTEXT.Pipe()
    given = (theirs, service.settings, service.is_near, memory, draft, arguments)
    process = CONTEXT.Process(target=_work, args=given, daemon=True)
    began, limit, doing = time.monotonic(), errand.seconds, errand.doing
    with ours, _started(process):
        theirs.close()
        first, writes = _taken(process.pid), False
        while True:
            waited = 0.0 if writes else min(_waited(process.pid), LONGEST_WAIT)
            left = began + limit + waited - time.monotonic()
            if left <= 0:
                raise TooMuchWork(
                    f"The server gave up {doing} after {limit:.0f} seconds, its limit for one "
                    f"request{errand.advice}"
                )
            taken = _taken(process.pid)
            if taken > memory + BASE:
                raise _beyond(errand, memory)
            turn.look(taken - first, writes)
            if not ours.poll(min(left, LOOK_EVERY)):
                continue
            try:
                kind, content = pickle.loads(ours.recv_bytes(LARGEST_ANSWER))
            except (EOFError, OSError):
                raise _beyond(errand, memory, "its process died") from None
            match kind:
                case "checked":
                    limit, doing, writes = errand.whole_seconds, errand.then, True
                case "made":
                    return content
                case "refused":
                    raise rebuilt(content)
                case "memory":
                    raise _beyond(errand, memory)
                case _:
                    log.error("a draft failed:\n%s", content["trace"])
                    raise BpttError(f"The server failed: {content['said']} (its log shows where)")


def _beyond(errand: Errand, memory: int, why: str = "") -> TooMuchWork:
    how = f" ({why})" if why else ""
    return TooMuchWork(
        f"The server gave up {errand.doing} at {memory // 2**20:,} MB of memory, its limit for "
        f"one request{how}{errand.advice}"
    )


def _taken(pid: int | None) -> int:
    """Return the resident bytes of a process; 0 if the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _waited(pid: int | None) -> float:
    """Return the seconds for which a process has worked or waited for a processor."""
    try:
        # of its first thread, in nanoseconds, after those in which it has worked
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _work(
    connection: Connection,
    settings: Settings,
    is_near: bool,
    memory: int,
    draft: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    """Make a draft in this process, which ends with it."""
    os.setsid()
    die_with_forkserver()
    if not is_near:
        # small requests go first, and the server itself before all
        yield_processor(10)
    yield_memory()
    forget_secrets()
    limit_memory(memory)
    try:
        service = Service(settings, is_near)
        desk = Desk(service, lambda: connection.send_bytes(pickle.dumps(("checked", None))))
        answer = pickle.dumps(("made", draft(desk, *arguments)))
        service.close()
    except BaseException as error:
        limit_memory(None)
        answer = pickle.dumps(_told(error))
    limit_memory(None)
    with contextlib.suppress(OSError):
        connection.send_bytes(answer)
    # no thread that a plugin left behind keeps the process alive
    os._exit(0)


def _told(error: BaseException) -> tuple[str, Mapping[str, Any] | None]:
    # what a constructor raised has become an error in a file
    if is_memory(error):
        return "memory", None
    if isinstance(error, BpttError):
        return "refused", body_of(error)
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return "failed", {"said": said, "trace": "".join(traceback.format_exception(error))}
