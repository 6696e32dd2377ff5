"""Work of one request, bounded in time and memory, and in turn: a process of its own for each.

A grid file names plugins, whose constructors may do anything, and up to a million points; to say
what a plugin is, it has to be imported. A server that did this itself would be as slow, and as
large, as the worst of them. So each such request gets a fresh process (`draft_process`) with limits
on memory and time; if it is killed, only that request is refused.

A few work at a time, one per user, so that nobody waits behind somebody else's twenty. So that
nobody waits behind a large request either, not even their own, each starts out as a small one. A
request that turns out to be large moves to one of the places reserved for large ones; while those
are taken and others are waiting, it gives way and is restarted later. If a client stops waiting,
its process is stopped.
"""

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from bptt.api.desk import Desk
from bptt.api.draft_process import DraftProcesses, Errand, prepare
from bptt.api.lane import Lane
from bptt.api.service import Service
from bptt.api.turn import GaveWay, Turn
from bptt.errors import NobodyWaits, TooMuchWork
from bptt.host import physical_memory

P = ParamSpec("P")
A = TypeVar("A")

GRID_ADVICE = (
    "; nothing was queued. Ask for fewer points, or look at what the constructor of the plugin "
    "does."
)
OWN_MEMORY, LEAST_MEMORY = 512 * 2**20, 128 * 2**20
"""Bytes of a server without its request processes, and the least that one of those needs."""
SMALL_MEMORY, SMALL_SECONDS = 256 * 2**20, 1.0
"""What a request may use and still count as small."""
LOOK_EVERY = 0.1
"""Seconds between two checks for who is waiting."""

Gone = Callable[[], Awaitable[None]]
"""Returns when the client no longer waits."""


@dataclass(frozen=True)
class Bounds:
    """What requests may use."""

    read_seconds: float = 60.0
    """Seconds until a grid file has been read and checked; plugins may run until then."""
    whole_seconds: float = 570.0
    """Seconds until all of it is written; the client waits for 600."""
    memory: int = 1536 * 2**20
    """Bytes beyond what a process is forked with: twice what a million points take."""
    large: int = 2
    """Large requests worked on together."""
    small: int = 2
    """Others worked on beside them."""
    waiting: int = 8
    """Requests of one user that may be waiting, including the one being worked on."""


def bounds_here() -> Bounds:
    """Return the bounds of a server here: no more memory than the machine or container has.

    The rest is for the server itself and for the process that others are forked from.
    """
    there = [physical_memory()]
    with contextlib.suppress(OSError, ValueError):
        # "max" where there is no limit
        there.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    usual = Bounds()
    each = (min(there) - OWN_MEMORY - usual.small * SMALL_MEMORY) // usual.large
    return replace(usual, memory=max(min(usual.memory, each), LEAST_MEMORY))


def without_bounds() -> Bounds:
    """Return the bounds of an application that serves only the owner of its machine: none."""
    return Bounds(math.inf, math.inf, physical_memory(), waiting=1_000_000)


class Drafting:
    """Makes drafts, in this process or in bounded ones.

    Args:
        service: of the server.
        bounds: None: in this process, without bounds.
    """

    def __init__(self, service: Service, bounds: Bounds | None) -> None:
        self._service = service
        self._bounds = bounds or Bounds()
        self._small, self._large = Lane(self._bounds.small), Lane(self._bounds.large)
        self._asked: Counter[str] = Counter()
        self._threads: ThreadPoolExecutor | None = None
        self._processes = DraftProcesses(service, bounds.memory if bounds else None)
        if bounds:
            # one more for work that needs no place
            together = bounds.small + bounds.large + 1
            self._threads = ThreadPoolExecutor(together, thread_name_prefix="bptt-draft")

    async def make(
        self,
        user: str,
        gone: Gone,
        draft: Callable[Concatenate[Desk, P], A],
        *args: P.args,
        **kw: P.kwargs,
    ) -> A:
        """Return what a function of `drafts` makes of a grid file.

        Raises:
            BpttError: what it raised.
            TooMuchWork: it took more time or memory than there is for one request, or too many
                requests of this user wait already.
            NobodyWaits: who asked is gone.
        """
        if self._threads is not None:
            # in this process, which alone may upgrade the home's own
            await run_in_threadpool(lambda: self._service.database)
        errand = Errand(
            "checking the grid file",
            self._bounds.read_seconds,
            GRID_ADVICE,
            "writing the grid",
            self._bounds.whole_seconds,
        )
        return await self.in_turn(user, gone, lambda made: made.run(errand, draft, *args, **kw))

    async def in_turn(self, user: str, gone: Gone, work: Callable[[DraftProcesses], A]) -> A:
        """Return what `work` returns in a thread, once it is this user's turn.

        It may be restarted as long as it has written nothing.

        Raises:
            TooMuchWork: too many requests of this user wait already.
            NobodyWaits: who asked is gone.
        """
        if self._threads is None:
            return await run_in_threadpool(work, self._processes)
        with self._counted(user):
            return await _unless(gone, self._in_places(user, work))

    async def beside(self, gone: Gone, work: Callable[[DraftProcesses], A]) -> A:
        """Return what `work` returns in a thread, without taking a place; one at a time.

        Raises:
            NobodyWaits: who asked is gone.
        """
        if self._threads is None:
            return await run_in_threadpool(work, self._processes)
        return await _unless(gone, self._worked(work, Turn(None)))

    async def _in_places(self, user: str, work: Callable[[DraftProcesses], A]) -> A:
        turn, lane = Turn(SMALL_MEMORY), self._small
        clock = asyncio.get_running_loop().time
        await lane.enter(user)
        since = clock()

        def look() -> None:
            nonlocal lane
            if lane is self._large or not (turn.is_large or clock() - since > SMALL_SECONDS):
                return
            if self._large.enter_now(user):
                lane.leave(user)
                lane = self._large
            elif turn.is_large or lane.is_wanted_of(user):
                turn.give_way()

        try:
            return await self._worked(work, turn, look)
        except GaveWay:
            pass
        finally:
            lane.leave(user)
        await self._large.enter(user)
        try:
            return await self._worked(work, Turn(None))
        finally:
            self._large.leave(user)

    async def _worked(
        self,
        work: Callable[[DraftProcesses], A],
        turn: Turn,
        look: Callable[[], None] = lambda: None,
    ) -> A:
        """Return what `work` returns in a thread; if cancelled, wait until it has ended."""
        loop = asyncio.get_running_loop()
        working = loop.run_in_executor(self._threads, work, self._processes.within(turn))
        try:
            while not (await asyncio.wait({working}, timeout=LOOK_EVERY))[0]:
                look()
        finally:
            if not working.done():
                turn.stop()
                await asyncio.wait({working})
                # nobody asks for it
                working.exception()
        return working.result()

    @contextlib.contextmanager
    def _counted(self, user: str) -> Iterator[None]:
        """Refuse a user's request that is one too many."""
        waiting = self._bounds.waiting
        if self._asked[user] >= waiting:
            raise TooMuchWork(
                f"{waiting} requests of yours with a grid file, or about plugins, are in progress "
                "or waiting; send the next one when one of them has been answered."
            )
        self._asked[user] += 1
        try:
            yield
        finally:
            self._asked[user] -= 1
            if not self._asked[user]:
                del self._asked[user]

    def prepare(self) -> None:
        """Start importing what request processes need, before the first request comes."""
        if self._threads is not None:
            self._threads.submit(prepare)

    def close(self) -> None:
        """Take no more requests."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


async def _unless(gone: Gone, work: Coroutine[Any, Any, A]) -> A:
    """Return the result of `work`, unless the client is gone before."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise NobodyWaits("Whoever asked has gone; the work on the request was stopped.")
        return working.result()
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})


async def _drafting(request: Request) -> Drafting:
    drafting: Drafting = request.app.state.drafting
    return drafting


async def _gone(request: Request) -> Gone:
    async def gone() -> None:
        # what is left of the body comes first
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return gone


Drafts = Annotated[Drafting, Depends(_drafting)]
Leaving = Annotated[Gone, Depends(_gone)]
