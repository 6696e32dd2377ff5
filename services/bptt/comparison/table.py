"""`compare`: one row per configuration of a grid, over its seeds; what is missing is counted."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bptt.comparison.interval import Interval, mean_interval, rate_interval


@dataclass(frozen=True)
class Point:
    """What the comparison needs of one point of a grid."""

    config: str
    seed: int
    status: str
    """Of its run; `missing` if there is none."""
    result: Mapping[str, Any] | None
    """`result.json` of a run that succeeded."""
    task: str = ""
    """Configurations of different tasks are not compared with each other."""


@dataclass(frozen=True)
class Group:
    """One configuration over its seeds."""

    config: str
    points: int
    counts: Mapping[str, int]
    """Points by what became of them: solved, finished, time_limit, diverged, failed, ..."""
    value: Interval | None
    """The deciding metric at the last evaluation; None if no run has one."""
    solved: Interval | None
    """Share of the ended runs that solved the task; a diverged run did not."""
    slope: Interval | None
    """Slope of log gradient norm over the lag: what a step back multiplies it by."""


@dataclass(frozen=True)
class Comparison:
    """A grid's answer so far, for one task."""

    task: str
    metric: str
    better: str
    """`higher` or `lower`."""
    baseline: float | None
    groups: Sequence[Group]
    """The best first; those without a value last."""

    @property
    def points(self) -> int:
        return sum(group.points for group in self.groups)

    @property
    def ended(self) -> int:
        """Points with a result, divergence included."""
        return sum(group.counts.get(name, 0) for group in self.groups for name in RESULTS)


RESULTS = ("solved", "finished", "time_limit", "diverged")
"""Outcomes of runs that succeeded."""


def compare(points: Sequence[Point]) -> list[Comparison]:
    """Return the comparison of a grid's points for each of its tasks.

    A diverged run has an outcome but no value.
    """
    by_task: dict[str, list[Point]] = {}
    for point in points:
        by_task.setdefault(point.task, []).append(point)
    return [_compare(task, held) for task, held in by_task.items()]


def _compare(task: str, points: Sequence[Point]) -> Comparison:
    results = [point.result for point in points if point.result]
    first: Mapping[str, Any] = results[0] if results else {}
    metric = str(first.get("metric", ""))
    better = str(first.get("better", "higher"))
    by_config: dict[str, list[Point]] = {}
    for point in points:
        by_config.setdefault(point.config, []).append(point)
    groups = [_group(config, held, metric) for config, held in by_config.items()]
    sign = -1 if better == "higher" else 1
    groups.sort(key=lambda g: (g.value is None, sign * g.value.estimate if g.value else 0))
    return Comparison(task, metric, better, first.get("baseline"), groups)


def _group(config: str, points: Sequence[Point], metric: str) -> Group:
    counts = Counter(
        str(point.result["outcome"]) if point.result else point.status for point in points
    )
    results = [p.result for p in points if p.result and p.result["outcome"] != "diverged"]
    values = _finite(result["metrics"].get(f"eval/{metric}") for result in results)
    slopes = _finite((result.get("flow") or {}).get("slope") for result in results)
    ended = sum(counts[name] for name in RESULTS)
    return Group(
        config=config,
        points=len(points),
        counts=dict(counts),
        value=mean_interval(values) if values else None,
        solved=rate_interval(counts["solved"], ended) if ended else None,
        slope=mean_interval(slopes) if slopes else None,
    )


def _finite(values: Any) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]
