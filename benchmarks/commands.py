"""Processor time of whole commands: beside `bptt up`, for a server, and with nothing up."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.cells import head, table_row
from benchmarks.embedded import Embedded
from benchmarks.interleaving import spread
from benchmarks.part import Found, Part

GRID = """
name: commands
task: {name: adding, length: 20}
cell: [rnn, lstm]
model: {hidden_size: 8}
training: {steps: 20}
seeds: 3
"""
COMMANDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "--help": (("--help",), ""),
    "status": (("status",), "0.35"),
    "grids": (("grids",), "0.35"),
    "runs": (("runs",), "0.35"),
    "show GRID": (("show", "commands"), "0.8"),
    "show RUN": (("show", "commands/0"), "0.8"),
    "compare GRID": (("compare", "commands"), "0.8"),
    "submit FILE": (("submit", "grid.yaml"), "0.6"),
    "submit FILE --dry-run": (("submit", "grid.yaml", "--dry-run"), "0.6"),
}
"""What is given, and the aim in seconds for a home that is up; the grid is in the queue already."""
PORT = 8397


@dataclass(frozen=True)
class Plan:
    rounds: int = 10


def measure(plan: Plan) -> Found:
    """Return the processor seconds of each command, by where it was given."""
    found: dict[str, dict[str, list[float]]] = {}
    with Embedded() as stack:
        stack.submit(GRID)
        stack.wait()
        stack.wait_for_shipping()
        found["up"] = _each(plan, stack, stack.environment)
        with _served(stack) as address:
            elsewhere = {**stack.environment, "BPTT_SERVER": address}
            elsewhere["BPTT_HOME"] = str(stack.folder / "elsewhere")
            found["server"] = _each(plan, stack, elsewhere)
        stack.bptt("down")
        found["nothing up"] = _each(plan, stack, stack.environment)
    return found


def _each(plan: Plan, stack: Embedded, environment: Mapping[str, str]) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    # the first round starts what is to be warm
    for number in range(plan.rounds + 1):
        for name, (arguments, _) in COMMANDS.items():
            taken = _seconds(stack, arguments, environment)
            if number:
                seconds[name].append(taken)
    return seconds


def _seconds(stack: Embedded, arguments: tuple[str, ...], environment: Mapping[str, str]) -> float:
    """Return the processor seconds of a command and of what it starts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bptt", *arguments],
        cwd=stack.folder,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"bptt {' '.join(arguments)} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


@contextmanager
def _served(stack: Embedded) -> Iterator[str]:
    """Yield the address of a server of the stack's home."""
    address = f"http://127.0.0.1:{PORT}"
    command = [sys.executable, "-m", "bptt", "api", "--port", str(PORT)]
    with subprocess.Popen(
        command,
        env={**stack.environment, "BPTT_ACCESS_LOG": "off"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            while True:
                with suppress(URLError):
                    urlopen(f"{address}/api/health").close()
                    break
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Commands\n"
    yield (
        "Processor seconds of a whole command, Python's start included, with a grid of 6 runs that "
        f"have ended in the queue; {plan.rounds} of each in alternation. Beside `bptt up` a "
        "command leaves the work to the application that `bptt up` keeps running, whose own "
        "share is not counted: a few milliseconds, and what it takes to check a grid file. With "
        "nothing up it does all of it itself. *At most*: for a home that is up.\n"
    )
    yield head("`bptt ...`", "`bptt up`", "at most", "`BPTT_SERVER`", "nothing up")
    for name, (_, aim) in COMMANDS.items():
        told = {way: spread(seconds[name]) for way, seconds in found.items()}
        row = [f"`{name}`", told["up"], aim, told["server"], told["nothing up"]]
        yield table_row(*row)


PART = Part("commands", "performance", Plan(), measure, lines)
