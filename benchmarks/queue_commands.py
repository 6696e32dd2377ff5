"""The same grid of 100,000 runs through whole commands, with a worker at it, and Redis's memory.

`python -m benchmarks.queue_commands`
"""

import re
import time
from collections.abc import Iterator

import redis

from benchmarks.queue_overhead import Embedded
from benchmarks.queue_scale import GRID

COMMANDS = {
    "submit": ("submit", "{file}"),
    "grids": ("grids",),
    "runs": ("runs", "scale"),
    "status": ("status",),
    "cancel": ("cancel", "scale", "--yes"),
}
LOOKS = 20
"""At Redis's memory, while the queue is full and a worker trains."""


def table() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "### Whole commands\n"
    with Embedded() as stack:
        file = stack.folder / "scale.yaml"
        file.write_text(GRID)
        before = _used(stack)
        seconds, most = {}, 0
        for name, arguments in COMMANDS.items():
            began = time.perf_counter()
            stack.bptt(*(argument.format(file=file) for argument in arguments))
            seconds[name] = time.perf_counter() - began
            if name == "submit":
                for _ in range(LOOKS):
                    time.sleep(0.2)
                    most = max(most, _used(stack))
    yield (
        "SQLite, with `bptt up` at work on the grid: seconds from the command to its end, the "
        "start of Python (0.1 s; `submit` imports torch as well) and the worker's share of the "
        "two cores included.\n"
    )
    yield "| " + " | ".join(f"`{name}`" for name in seconds) + " |"
    yield "| --- " * len(seconds) + "|"
    yield "| " + " | ".join(f"{value:.2f}" for value in seconds.values()) + " |\n"
    yield (
        f"Redis: {before / 1e6:.2f} MB before, at most {most / 1e6:.2f} MB while 100,000 runs "
        "waited (goal: less than 5 MB)."
    )


def _used(stack: Embedded) -> int:
    (place,) = re.findall(r"(?m)^Redis +(\S+)", stack.bptt("status"))
    socket = stack.home / "redis.sock"
    assert socket.exists(), place
    with redis.Redis(unix_socket_path=str(socket)) as client:
        return int(client.info("memory")["used_memory"])


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
