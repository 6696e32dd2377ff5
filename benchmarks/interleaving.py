"""Variants in alternating blocks, so that a busy moment affects all of them."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

Update = Callable[[], object]
Times = dict[str, list[float]]
"""Variant -> seconds of one call, block by block; blocks with the same index ran together."""


def processor_times(
    variants: Mapping[str, Update],
    rounds: int,
    seconds: float,
    clock: Callable[[], float] = time.process_time,
) -> Times:
    """Return the time of one call of each variant, in the order A B C, C B A, ...

    Args:
        variants: what to call.
        rounds: blocks of each.
        seconds: time of a block, which has at least one call.
        clock: that of the process's processor time, unless another device does the work.
    """
    counts = {}
    for name, call in variants.items():
        call()
        began = clock()
        call()
        counts[name] = max(1, int(seconds / max(clock() - began, 1e-6)))
    found: Times = {name: [] for name in variants}
    for number in range(rounds):
        for name in by_turns(list(variants), number):
            began = clock()
            for _ in range(counts[name]):
                variants[name]()
            found[name].append((clock() - began) / counts[name])
    return found


def by_turns(names: Sequence[str], number: int) -> list[str]:
    """Return the order of a round: there and back."""
    return list(names)[:: 1 if number % 2 == 0 else -1]


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return the ratios of what ran together, pair by pair."""
    return [a / b for a, b in zip(above, below, strict=True)]


def spread(values: Sequence[float]) -> str:
    """Return `median [least, largest]` with three digits."""
    return f"{digits(statistics.median(values))} [{digits(min(values))}, {digits(max(values))}]"


def microseconds(values: Sequence[float]) -> str:
    """Return the median of seconds in microseconds."""
    return digits(1e6 * statistics.median(values))


def against(times: Mapping[str, Sequence[float]], rival: str, own: str) -> str:
    """Return how many times longer a rival takes; nothing if it was not measured."""
    return spread(ratios(times[rival], times[own])) if rival in times else ""


def digits(value: float) -> str:
    """Return a number with three significant digits, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    text = f"{value:#.3g}"
    return f"{value:.1e}" if "e" in text else text.rstrip(".")
