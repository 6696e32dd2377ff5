"""Configurations that are one training, evaluated otherwise: no rivals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bptt.comparison.axes import SEED
from bptt.comparison.point import ComparedPoint
from bptt.comparison.wording import listed
from bptt.records.comparison import Group

EVALUATION = ("training.evaluation_size", "training.evaluate_every")
"""Axes that change how well a value is known, and, unless a run stops when solved, nothing else."""
STEPS = "training.steps"
ALL_ALIKE = (
    "runs of one seed are the same training, update for update; these configurations differ in "
    "how it is evaluated"
)


def evaluated_otherwise(by_config: Mapping[str, Sequence[ComparedPoint]]) -> list[list[str]]:
    """Return the configurations whose runs of one seed are one training, two or more of each.

    Args:
        by_config: the points of each configuration. One of which a run stopped when an evaluation
            found its task solved, or may yet stop so, is no other's training.
    """
    classes: dict[str, list[str]] = {}
    for name, points in by_config.items():
        if not any(point.stopped or point.is_live for point in points):
            classes.setdefault(_without(EVALUATION, points), []).append(name)
    return _several(classes)


def within_a_budget(by_config: Mapping[str, Sequence[ComparedPoint]]) -> list[list[str]]:
    """Return the configurations that differ in their budgets alone, two or more of each.

    Within the smallest budget, in which times to solve are ranked, their runs are the same.
    """
    classes: dict[str, list[str]] = {}
    for name, points in by_config.items():
        classes.setdefault(_without((STEPS,), points), []).append(name)
    return _several(classes)


def _without(left: Sequence[str], points: Sequence[ComparedPoint]) -> str:
    """Return what a configuration is besides some axes; empty if it has none of these."""
    if not any(path in point.values for point in points for path in left):
        return ""
    rest = {
        repr(sorted((p, repr(v)) for p, v in point.values.items() if p not in (*left, SEED)))
        for point in points
    }
    return repr(sorted(rest))


def _several(classes: Mapping[str, list[str]]) -> list[list[str]]:
    return [names for key, names in classes.items() if key and len(names) > 1]


def without_intervals(groups: Sequence[Group], alike: Sequence[Sequence[str]]) -> list[Group]:
    """Return configurations, no interval for the lead over one that is the same as the first.

    Args:
        groups: in their order.
        alike: names of those that are known to be the same.
    """
    first = next((names for names in alike if groups and groups[0].config in names), ())
    return [
        replace(one, lead=replace(one.lead, low=None, high=None))
        if one.lead and one.config in first
        else one
        for one in groups
    ]


def told(otherwise: Sequence[Sequence[str]], within: Sequence[Sequence[str]]) -> list[str]:
    """Return a sentence for each kind of what is alike.

    Args:
        otherwise: configurations that differ in how they are evaluated.
        within: those that differ in their budgets.
    """
    kinds = {
        "The same training, update for update, evaluated otherwise": otherwise,
        "The same training within the smallest budget, in which times are ranked": within,
    }
    return [f"{kind}: {'; '.join(map(listed, alike))}." for kind, alike in kinds.items() if alike]
