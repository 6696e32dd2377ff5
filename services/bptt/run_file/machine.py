"""What this machine allows one run."""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bptt.host import physical_memory
from bptt.settings import read_settings

PRODUCT, LOOKS = 256, 120
REFERENCE_PRODUCT = 2 * PRODUCT**3 / 130e9
"""Seconds of a product of two matrices of 256 x 256 on the reference machine."""
SLOWEST = 0.5, 8.0
"""Bounds within which a measurement is believed."""


@dataclass(frozen=True)
class MemoryLimit:
    """How much memory one run may take, and what sets the limit."""

    bytes: int
    in_words: str
    """In words, as the continuation of a sentence."""


def memory_limit() -> MemoryLimit:
    """Return what a run may take: `BPTT_RUN_MEMORY_MB`, or what the machine has."""
    given = read_settings().run_memory_mb
    if given:
        return MemoryLimit(given * 2**20, f"the {given:,} MB that BPTT_RUN_MEMORY_MB allows")
    there = physical_memory()
    return MemoryLimit(there, f"the {size(there)} of this machine (or set BPTT_RUN_MEMORY_MB)")


def relative_speed() -> float:
    """Return how many times as long a product takes here as on the reference machine of `cost`.

    The minimum of many measurements of 0.4 milliseconds of processor time: the machine's present
    load says nothing about the hours in which a grid is trained.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        one = torch.ones(PRODUCT, PRODUCT)
        other = torch.empty(PRODUCT, PRODUCT)
        took = []
        for _ in range(LOOKS):
            began = time.thread_time()
            torch.mm(one, one, out=other)
            took.append(time.thread_time() - began)
    finally:
        torch.set_num_threads(threads)
    return min(max(min(took) / REFERENCE_PRODUCT, SLOWEST[0]), SLOWEST[1])


@cache
def has_wide_vectors() -> bool:
    """Say whether the processor has vectors of 64 bytes, like the reference machine of `cost`."""
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def size(count: int) -> str:
    """Return a number of bytes for people: `1.6 GB`."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        whole = count // unit
        if whole >= 10**6:
            # larger than a float may be
            digits = len(str(whole)) - 1
            return f"10^{digits} {name}"
        if whole:
            tenths = count * 10 // unit
            return f"{tenths // 10:,}.{tenths % 10} {name}" if whole < 100 else f"{whole:,} {name}"
    return f"{count:,} bytes"
