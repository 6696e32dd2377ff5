"""Work of one request, bounded in time and memory, and in turn: a process of its own for each.

A grid file names plugins, whose constructors may do anything, and up to a million points; to say
what a plugin is, it has to be imported. A server that did this itself would be as slow, and as
large, as the worst of them. So each such request gets a fresh process (`draft_process`), which may
take so much memory and so many seconds, and if it is killed, that request alone is refused. A few
work at a time, one of each user, so that nobody waits behind another's twenty.
"""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from bptt.api.desk import Desk
from bptt.api.draft_process import DraftProcesses, Errand, prepare
from bptt.api.service import Service
from bptt.errors import TooMuchWork

P = ParamSpec("P")
A = TypeVar("A")

GRID_ADVICE = (
    "; nothing was queued. Ask for fewer points, or look at what the constructor of the plugin "
    "does."
)
OWN_MEMORY, LEAST_MEMORY = 512 * 2**20, 128 * 2**20
"""Bytes of a server without the processes of requests, and the least that one of those has."""


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
        self._service = service
        self._bounds = bounds or Bounds()
        self._users: dict[str, asyncio.Lock] = {}
        self._asked: Counter[str] = Counter()
        self._threads: ThreadPoolExecutor | None = None
        self.processes = DraftProcesses(service, bounds.memory if bounds else None)
        if bounds:
            self._threads = ThreadPoolExecutor(bounds.at_once, thread_name_prefix="bptt-draft")

    async def make(
        self, user: str, draft: Callable[Concatenate[Desk, P], A], *args: P.args, **kw: P.kwargs
    ) -> A:
        """Return what a function of `drafts` makes of a grid file.

        Raises:
            BpttError: what it raised.
            TooMuchWork: it took more time or memory than there is for one request, or too many
                requests of this user wait already.
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
        return await self.in_turn(user, lambda: self.processes.run(errand, draft, *args, **kw))

    async def in_turn(self, user: str, work: Callable[[], A]) -> A:
        """Return what `work` does in a thread, when it is this user's turn.

        Raises:
            TooMuchWork: too many requests of this user wait already.
        """
        if self._threads is None:
            return await run_in_threadpool(work)
        async with self._turn(user):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @contextlib.asynccontextmanager
    async def _turn(self, user: str) -> AsyncIterator[None]:
        """Let one request of each user through at a time."""
        waiting = self._bounds.waiting
        if self._asked[user] >= waiting:
            raise TooMuchWork(
                f"{waiting} requests of yours with a grid file, or about plugins, are being worked "
                "on or wait; send the next one when one of them is answered."
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
            self._threads.submit(prepare)

    def close(self) -> None:
        """Take no more requests."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


async def _drafting(request: Request) -> Drafting:
    drafting: Drafting = request.app.state.drafting
    return drafting


Drafts = Annotated[Drafting, Depends(_drafting)]
