"""Whether a configuration has learned anything: by a value that nothing has chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bptt.comparison.column import Column, column_of
from bptt.comparison.metrics import Measure
from bptt.comparison.point import ComparedPoint
from bptt.measuring.logged import BEST_TEST


def learned_column(
    by_config: Mapping[str, Sequence[ComparedPoint]], own: Measure, by: Sequence[str]
) -> Column:
    """Return the figure whose interval is held against the baseline.

    The best of twenty noisy evaluations is better than the baseline though nothing was learned.
    So best values are not judged by themselves, but on the test set, which chose no weights; by
    the last evaluation where some run has no such value.

    Args:
        by_config: the points of each configuration, of one problem.
        own: the metric that decides by the task itself.
        by: paths of the axes that distinguish configurations; none: all but the seed.
    """
    points = [point for held in by_config.values() for point in held]
    if not any(point.moment == "best" for point in points):
        return column_of(by_config, own, by)
    ended = {name: [point.at_end for point in held] for name, held in by_config.items()}
    tested = BEST_TEST.named(own.short)
    # one that diverged has none
    known = [p.figures for held in ended.values() for p in held if p.result and not p.diverged]
    if known and all(tested in figures for figures in known):
        measure = replace(own, name=tested, short=f"{own.short} (test set, best weights)")
    else:
        measure = replace(own, short=f"{own.short} (at the end)")
    return column_of(ended, measure, by)
