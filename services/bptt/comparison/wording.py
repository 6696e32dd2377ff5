"""Figures of a comparison in words, the same in terminal, report and MLflow."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Estimate(Protocol):
    """An interval, as it was computed or as it came over the wire."""

    @property
    def estimate(self) -> float: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


class Ranked(Protocol):
    """A configuration, likewise."""

    @property
    def config(self) -> str: ...
    @property
    def rank(self) -> int | None: ...
    @property
    def tied(self) -> bool: ...
    @property
    def counts(self) -> Mapping[str, int]: ...


LIVE = ("held", "queued", "running")

EXPLAINED = (
    "Mean [95 % interval of the mean] over n seeds; solved: share of ended runs [Wilson]; slope: "
    "of log10 gradient norm per step of lag; from best: difference paired by seed; =: ties with it."
)


def interval_told(interval: Estimate | None) -> str:
    """Return `0.91 [0.88, 0.94]`, or only the estimate if there is one run and no spread."""
    if interval is None:
        return "-"
    if interval.low is None or interval.high is None:
        return number_told(interval.estimate)
    low, high = number_told(interval.low), number_told(interval.high)
    return f"{number_told(interval.estimate)} [{low}, {high}]"


def number_told(value: float) -> str:
    """Return three digits of a figure."""
    return f"{value:.3g}"


def rank_told(group: Ranked) -> str:
    """Return `1`, `1 =` for a tie with the best, `-` where there is no rank."""
    if group.rank is None:
        return "-"
    return f"{group.rank} =" if group.tied else str(group.rank)


def counts_told(counts: Mapping[str, int]) -> str:
    """Return `3 solved, 1 diverged`."""
    return ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in sorted(counts.items()))


def unfinished(counts: Sequence[Mapping[str, int]]) -> str:
    """Return how many runs may still change the order; empty if none can."""
    live = sum(found.get(status, 0) for found in counts for status in LIVE)
    return f"{live:,} runs have not ended: this order may change." if live else ""


def verdict(groups: Sequence[Ranked], better: str) -> str:
    """Return one sentence on which configuration is best, and which tie with it."""
    best = [group for group in groups if group.rank == 1]
    if not best:
        return "No configuration can be ranked yet." if better else ""
    first, *others = best
    if not others:
        return f"Best: {first.config}." if len(groups) > 1 else ""
    if len(best) == len(groups):
        return f"None can be told apart from the others; {first.config} comes first by its mean."
    told = ", ".join(group.config for group in others[:5])
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    return f"Best: {first.config}; not told apart from it: {told}{more}."
