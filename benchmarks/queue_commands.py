"""Whole commands on a large grid with a worker at it, and Redis's memory."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import redis

from benchmarks.cells import head, table_row
from benchmarks.embedded import Embedded
from benchmarks.interleaving import digits, spread
from benchmarks.part import Found, Part
from benchmarks.queue_scale import text_of

COMMANDS = {
    "grids": ("grids",),
    "runs": ("runs", "scale"),
    "status": ("status",),
}
LOOKS = 20
"""Looks at Redis's memory while the queue is full and a worker is training."""


@dataclass(frozen=True)
class Plan:
    points: int = 100_000
    rounds: int = 3


def measure(plan: Plan) -> Found:
    """Return the seconds of each command, and the bytes of Redis before and at most."""
    with Embedded() as stack:
        (place,) = re.findall(r"(?m)^Redis +(\S+)", stack.bptt("status"))
        assert (stack.home / "redis.sock").exists(), place
        before = most = _used(stack)
        began = time.perf_counter()
        stack.submit(text_of(plan.points))
        seconds = {"submit": [time.perf_counter() - began]}
        for _ in range(LOOKS):
            time.sleep(0.2)
            most = max(most, _used(stack))
        for name, arguments in COMMANDS.items():
            seconds[name] = [_seconds(stack, *arguments) for _ in range(plan.rounds)]
        seconds["cancel"] = [_seconds(stack, "cancel", "scale", "--yes")]
    return {"seconds": seconds, "redis": [before, most]}


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Whole commands on a large grid\n"
    yield (
        f"A grid of {plan.points:,} runs in SQLite, with `bptt up` working on it: seconds from the "
        "command to its end, including Python's start and the worker's share of the "
        f"processors. `submit` and `cancel` once, the others {plan.rounds} times.\n"
    )
    seconds = found["seconds"]
    yield head(*(f"`{name}`" for name in seconds))
    told = [digits(s[0]) if len(s) == 1 else spread(s) for s in seconds.values()]
    yield f"{table_row(*told)}\n"
    before, most = (digits(size / 1e6) for size in found["redis"])
    yield (
        f"Redis: {before} MB before, at most {most} MB while the runs waited (aim: less than 5 MB)."
    )


def _seconds(stack: Embedded, *arguments: str) -> float:
    began = time.perf_counter()
    stack.bptt(*arguments)
    return time.perf_counter() - began


def _used(stack: Embedded) -> int:
    with redis.Redis(unix_socket_path=str(stack.home / "redis.sock")) as client:
        return int(client.info("memory")["used_memory"])


PART = Part("queue_commands", "performance", Plan(), measure, lines)
