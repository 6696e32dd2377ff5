"""Configurations that are one training, evaluated otherwise: no rivals."""

from collections.abc import Mapping, Sequence

from bptt.comparison.axes import SEED
from bptt.comparison.point import ComparedPoint
from bptt.comparison.wording import listed

EVALUATION = ("training.evaluation_size", "training.evaluate_every")
"""Axes that change how well a value is known, and, unless a run stops when solved, nothing else."""
LEFT = (*EVALUATION, SEED)
ALL_ALIKE = (
    "runs of one seed are the same training, update for update; these configurations differ in "
    "how it is evaluated"
)


def trained_alike(by_config: Mapping[str, Sequence[ComparedPoint]]) -> list[list[str]]:
    """Return the configurations whose runs of one seed are one training, two or more of each.

    Args:
        by_config: the points of each configuration. One of which a run stopped when an evaluation
            found its task solved, or may yet stop so, is no other's training.
    """
    classes: dict[str, list[str]] = {}
    for name, points in by_config.items():
        evaluated = any(path in point.values for point in points for path in EVALUATION)
        if not evaluated or any(point.stopped or point.is_live for point in points):
            continue
        rest = {
            repr(sorted((path, repr(v)) for path, v in point.values.items() if path not in LEFT))
            for point in points
        }
        classes.setdefault(repr(sorted(rest)), []).append(name)
    return [names for names in classes.values() if len(names) > 1]


def alike_told(alike: Sequence[Sequence[str]]) -> str:
    """Return which configurations are the same training; empty if none are."""
    if not alike:
        return ""
    told = "; ".join(listed(names) for names in alike)
    return f"The same training, update for update, evaluated otherwise: {told}."
