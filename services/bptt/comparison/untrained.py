"""What is compared before the first update: configurations may be one and the same network."""

from collections.abc import Mapping, Sequence
from typing import Any

from bptt.comparison.point import ComparedPoint
from bptt.comparison.wording import listed

ALL_SAME = (
    "before the first update these configurations are the same networks, alike in every figure; "
    "what they differ in acts later"
)


def same_networks(by_config: Mapping[str, Sequence[ComparedPoint]]) -> list[list[str]]:
    """Return the configurations that are alike in every figure of every seed, two or more of each.

    Args:
        by_config: the points of each configuration; of another moment than the beginning none
            are the same.
    """
    classes: list[tuple[dict[int, list[Any]], list[str]]] = []
    for name, points in by_config.items():
        held: dict[int, list[Any]] = {}
        for point in points:
            if point.untrained and point.result and point.result["metrics"]:
                held.setdefault(point.seed, []).append(point.figures)
        if not held:
            continue
        for figures, names in classes:
            common = figures.keys() & held.keys()
            if common and all(figures[seed] == held[seed] for seed in common):
                names.append(name)
                break
        else:
            classes.append((held, [name]))
    return [names for _, names in classes if len(names) > 1]


def same_told(same: Sequence[Sequence[str]]) -> str:
    """Return which configurations are the same networks; empty if none are."""
    if not same:
        return ""
    told = "; ".join(listed(names) for names in same)
    return f"The same networks before the first update, alike in every figure: {told}."
