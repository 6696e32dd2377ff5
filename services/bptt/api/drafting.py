"""Work of one request, bounded in time and memory: a process of its own, forked and thrown away.

A grid file names plugins, whose constructors may do anything, and up to a million points. A server
that read it itself would be as slow, and as large, as the worst of them. So each such request gets
a fresh process from one that has imported torch already; it may take so much memory and so many
seconds, and if it is killed, that request alone is refused. A few work at a time, one of each user,
so that nobody waits behind another's twenty.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import threading
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from bptt.api.desk import Desk
from bptt.api.faults import rebuilt, told
from bptt.api.service import Service
from bptt.errors import BpttError, TooMuchWork
from bptt.settings import Settings, forget_secrets
from bptt.worker.host import die_with_forkserver, yield_processor
from bptt.worker.memory import is_memory, limit_memory, yield_memory

P = ParamSpec("P")
A = TypeVar("A")

log = logging.getLogger(__name__)

CONTEXT = multiprocessing.get_context("forkserver")
_LOCK = threading.Lock()
"""multiprocessing reads an exit code once, whichever thread looks at its processes."""


@dataclass(frozen=True)
class Bounds:
    """What requests may take."""

    read_seconds: float = 60.0
    """Until a grid file has been read and checked: plugins may run until then."""
    whole_seconds: float = 570.0
    """Until all of it is written; the client waits for 600."""
    memory: int = 1536 * 2**20
    """Bytes beyond what a process is forked with: twice what a million points take."""
    at_once: int = 2
    """Requests worked on together."""
    waiting: int = 8
    """Requests of one user that may wait, the one that is worked on included."""


def bounds_here() -> Bounds:
    """Return the bounds of a server on this machine: no more memory than it, or its container, has.

    What is left over is for the server itself and for what processes are forked from.
    """
    there = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with contextlib.suppress(OSError, ValueError):
        # "max" where there is no limit
        there.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    usual = Bounds()
    each = (min(there) - OWN_MEMORY) // usual.at_once
    return replace(usual, memory=max(min(usual.memory, each), LEAST_MEMORY))


class Drafting:
    """Makes drafts, in this process or in bounded ones.

    Args:
        service: of the server.
        bounds: None: in this process, without bounds.
    """

    def __init__(self, service: Service, bounds: Bounds | None) -> None:
        self._service, self._bounds = service, bounds
        self._users: dict[str, asyncio.Lock] = {}
        self._asked: Counter[str] = Counter()
        self._threads: ThreadPoolExecutor | None = None
        if bounds:
            self._threads = ThreadPoolExecutor(bounds.at_once, thread_name_prefix="bptt-draft")

    async def make(
        self, user: str, draft: Callable[Concatenate[Desk, P], A], *args: P.args, **kw: P.kwargs
    ) -> A:
        """Return what a function of `drafts` makes.

        Raises:
            BpttError: what it raised.
            TooMuchWork: it took more time or memory than there is for one request, or too many
                requests of this user wait already.
        """
        if self._bounds is None or self._threads is None:
            desk = Desk(self._service, True, lambda: None)
            return await run_in_threadpool(draft, desk, *args, **kw)
        # in this process, which alone may upgrade the home's own
        await run_in_threadpool(lambda: self._service.database)
        async with self._turn(user, self._bounds):
            loop = asyncio.get_running_loop()
            made: A = await loop.run_in_executor(
                self._threads, _supervise, self._service.settings, self._bounds, draft, args
            )
            return made

    @contextlib.asynccontextmanager
    async def _turn(self, user: str, bounds: Bounds) -> AsyncIterator[None]:
        """Let one request of each user through at a time."""
        if self._asked[user] >= bounds.waiting:
            raise TooMuchWork(
                f"{bounds.waiting} requests of yours with a grid file are being worked on or wait; "
                "send the next one when one of them is answered."
            )
        self._asked[user] += 1
        try:
            async with self._users.setdefault(user, asyncio.Lock()):
                yield
        finally:
            self._asked[user] -= 1
            if not self._asked[user]:
                del self._asked[user]
                self._users.pop(user, None)

    def prepare(self) -> None:
        """Begin to import what the processes of requests need, before the first one comes."""
        if self._threads is not None:
            self._threads.submit(_prepare)

    def close(self) -> None:
        """Take no more requests."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def _prepare() -> None:
    CONTEXT.set_forkserver_preload(["bptt.api.draft_template"])
    with _started(CONTEXT.Process(target=os.getpid, daemon=True)) as process:
        process.join()


@contextlib.contextmanager
def _started(process: ForkServerProcess) -> Iterator[ForkServerProcess]:
    """Start a process, and see that it is gone in the end."""
    with _LOCK:
        process.start()
    try:
        yield process
    finally:
        if process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, 9)
        wait([process.sentinel], 10.0)
        with _LOCK:
            if process.exitcode is not None:
                process.close()


def _supervise(
    settings: Settings, bounds: Bounds, draft: Callable[..., A], arguments: tuple[Any, ...]
) -> A:
    """Return what a process of its own makes; in a thread."""
    CONTEXT.set_forkserver_preload(["bptt.api.draft_template"])
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(
        target=_work, args=(theirs, settings, bounds.memory, draft, arguments), daemon=True
    )
    began, limit, doing = time.monotonic(), bounds.read_seconds, "checking the grid file"
    with ours, _started(process):
        theirs.close()
        while True:
            left = began + limit - time.monotonic()
            if left <= 0:
                raise TooMuchWork(
                    f"The server gave up {doing} after {limit:.0f} seconds, its limit for one "
                    "request; nothing was queued. Ask for fewer points, or look at what the "
                    "constructor of the plugin does."
                )
            if _taken(process.pid) > bounds.memory + BASE:
                raise _beyond(bounds.memory)
            if not ours.poll(min(left, LOOK_EVERY)):
                continue
            try:
                kind, content = ours.recv()
            except (EOFError, OSError):
                raise _beyond(bounds.memory, "its process died") from None
            match kind:
                case "checked":
                    limit, doing = bounds.whole_seconds, "writing the grid"
                case "made":
                    made: A = content
                    return made
                case "refused":
                    raise rebuilt(content)
                case "memory":
                    raise _beyond(bounds.memory)
                case _:
                    log.error("a draft failed:\n%s", content["trace"])
                    raise BpttError(f"The server failed: {content['told']} (its log shows where)")


OWN_MEMORY, LEAST_MEMORY = 512 * 2**20, 128 * 2**20
"""Bytes of a server without the processes of requests, and the least that one of those has."""
WITHOUT_MEMORY = ("MemoryError", "allocate memory")
"""What Python and torch say when there is no more."""
BASE = 768 * 2**20
"""Bytes that a process is forked with at most, libraries included."""
LOOK_EVERY = 0.25
"""Seconds between two looks at the memory of a process."""


def _beyond(memory: int, why: str = "") -> TooMuchWork:
    how = f" ({why})" if why else ""
    return TooMuchWork(
        f"The server gave up on the grid file at {memory // 2**20:,} MB of memory, its limit for "
        f"one request{how}; nothing was queued. Ask for fewer points, or look at what the "
        "constructor of the plugin allocates."
    )


def _taken(pid: int | None) -> int:
    """Return the resident bytes of a process; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _work(
    connection: Connection,
    settings: Settings,
    memory: int,
    draft: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    """Make a draft in this process, which ends with it."""
    os.setsid()
    die_with_forkserver()
    # who asks for little goes first, and the server itself before all
    yield_processor(10)
    yield_memory()
    forget_secrets()
    limit_memory(memory)
    try:
        service = Service(settings)
        desk = Desk(service, False, lambda: connection.send(("checked", None)))
        answer = "made", draft(desk, *arguments)
        service.close()
    except BaseException as error:
        limit_memory(None)
        answer = _told(error)
    limit_memory(None)
    with contextlib.suppress(OSError):
        connection.send(answer)
    # no thread that a plugin left behind keeps the process
    os._exit(0)


def _told(error: BaseException) -> tuple[str, Mapping[str, Any] | None]:
    # what a constructor raised has become the fault of a file
    if is_memory(error) or any(word in str(error) for word in WITHOUT_MEMORY):
        return "memory", None
    if isinstance(error, BpttError):
        return "refused", told(error)
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return "failed", {"told": said, "trace": "".join(traceback.format_exception(error))}
