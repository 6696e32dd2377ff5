"""Figures that are measured once, at the end of a run: which there are of another moment."""

from collections.abc import Sequence

from bptt.comparison.point import ComparedPoint
from bptt.measuring.logged import BEST_TEST, SEEN, TEST_METRIC

ONCE = (TEST_METRIC.section, SEEN.section)
"""Sections of those that are of the last weights."""


def with_best_weights(text: str, points: Sequence[ComparedPoint], known: Sequence[str]) -> str:
    """Return the metric that is meant at the best evaluation: the test's with the best weights.

    Args:
        text: as it was asked for.
        points: of one task.
        known: figures that results of the whole grid have.
    """
    if not any(point.moment == "best" for point in points):
        return text
    meant = BEST_TEST.named(text.removeprefix(TEST_METRIC.section))
    return meant if text.startswith(TEST_METRIC.section) and meant in known else text


def only_at_end(text: str, points: Sequence[ComparedPoint]) -> str:
    """Return why a metric has no value at the moment that was asked for; empty: for another cause.

    Args:
        text: the metric, in full or by its last word.
        points: of one task.
    """
    if all(point.moment == "end" for point in points):
        return ""
    names = {name for point in points for name in point.at_end.figures if name.startswith(ONCE)}
    if not any(text in (name, name.rpartition("/")[2]) for name in names):
        return ""
    return "is measured once, at the end, with the last weights: compare it by --at end"
