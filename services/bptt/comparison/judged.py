"""What pictures of a tuned comparison show: the values chosen, on the seeds that judge."""

from collections.abc import Sequence
from dataclasses import dataclass

from bptt.comparison.axes import axes_of, find_axes
from bptt.comparison.chosen import choose
from bptt.comparison.facets import facets_of
from bptt.comparison.measured import once
from bptt.comparison.metrics import deciding_metric, default_measure, find_metrics, names_of
from bptt.comparison.point import ComparedPoint
from bptt.comparison.several import programs_in
from bptt.comparison.tuned_seeds import tuning_of
from bptt.comparison.values_in_common import in_common
from bptt.comparison.wording import listed


@dataclass(frozen=True)
class Judged:
    """The points that are drawn, and what there is to say of that."""

    points: Sequence[ComparedPoint]
    by: Sequence[str]
    """Axes that distinguish configurations; none: all but the seed."""
    tuned: Sequence[str] = ()
    """Axes of which each configuration has one value: no mean is over them."""
    title: str = ""
    """In a few words; empty: nothing is tuned."""
    told: str = ""


def judged(
    points: Sequence[ComparedPoint],
    by: Sequence[str] = (),
    metrics: Sequence[str] = (),
    tune: Sequence[str] = (),
    tune_seeds: Sequence[int] = (),
    measured: Sequence[ComparedPoint] = (),
) -> Judged:
    """Return the points that a comparison judges; all, and that nothing is, where it does not.

    Args:
        points: of a grid, or of several.
        by: axes that distinguish configurations; as all others in `table.compare`, which makes the
            same choice.
        metrics: names; the first one chooses.
        tune: axes whose best value is chosen for each configuration.
        tune_seeds: that choose.
        measured: the same points, in the same order, with the figures that choose; none: their own.

    Raises:
        InvalidSpec: an axis, a metric or a seed that this grid does not have.
    """
    # as in a comparison, and its pictures show each training once
    points, measured = once(points), once(measured)
    axes = find_axes(by, points)
    axes += tuple(path for path in programs_in(points) if axes and path not in axes)
    tuning = tuning_of(points, tune, tune_seeds, axes)
    if tuning is None:
        counting = _counting(measured or points, axes)
        return Judged([point for point in points if _key(point) in counting], axes)
    names = listed([path.rpartition(".")[2] for path in tuning.axes])
    every = f"all values of {names}, all seeds"
    if not tuning.decides:
        return Judged(points, axes, (), every, f"Nothing is judged yet: {every}.")
    axes = tuple(path for path in axes or axes_of(points) if path not in tuning.axes)
    known = names_of(measured or points)
    kept = set()
    for facet in facets_of(measured or points):
        found = find_metrics(metrics, facet.points, known) or [default_measure(facet.points)]
        chosen = choose(facet, axes, tuning, found[0], deciding_metric(facet.points))
        kept |= {_key(point) for point in chosen.facet.points}
    seeds = listed([str(seed) for seed in tuning.judging])
    return Judged(
        [point for point in points if _key(point) in kept],
        axes,
        tuning.axes,
        f"{names} as chosen, seeds that judge",
        f"Each configuration with the {names} that was chosen for it, on the seeds that judge: "
        f"{seeds}.",
    )


def _counting(points: Sequence[ComparedPoint], by: Sequence[str]) -> set[tuple[str, str, int]]:
    """Return the keys of the points that a comparison counts."""
    kept = set()
    for facet in facets_of(points):
        by_config: dict[str, list[ComparedPoint]] = {}
        for name, point in zip(facet.names(by), facet.points, strict=True):
            by_config.setdefault(name, []).append(point)
        counting = in_common(by_config, by).by_config.values()
        kept |= {_key(point) for held in counting for point in held}
    return kept


def _key(point: ComparedPoint) -> tuple[str, str, int]:
    return point.task, repr(sorted(point.values.items())), point.seed
