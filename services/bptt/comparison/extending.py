"""Which points judge a choice: each value that was chosen, on seeds that had no say in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bptt.comparison.axes import SEED, axes_of, find_axes
from bptt.comparison.chosen import Chosen, choose
from bptt.comparison.facets import Facet, facets_of
from bptt.comparison.fresh import fresh_seeds
from bptt.comparison.metrics import deciding_metric, default_measure, find_metrics, names_of
from bptt.comparison.point import ComparedPoint
from bptt.comparison.ranking import SEEDS_TO_TRUST
from bptt.comparison.tuned_seeds import EXTENDING, Tuning, tuning_of
from bptt.comparison.wording import listed
from bptt.counted import counted
from bptt.errors import NotPossible


@dataclass(frozen=True)
class ToJudge:
    """What a grid should have so that a choice can be judged."""

    values: Sequence[Mapping[str, Any]]
    """Of each configuration that was chosen, on all axes but the seed."""
    seeds: Sequence[int]
    """Those that have no say, the ones that are there included."""
    chosen: Mapping[str, str]
    """What each configuration takes, by its name behind that of its problem."""
    choosing: Sequence[int]
    """Seeds that have chosen."""
    tuned: Sequence[str]
    """Paths of the axes whose values were chosen."""
    by: Sequence[str]
    """Paths of the axes that distinguished configurations; none: all others but the seed."""
    left_out: str = ""
    """Values that were not considered; empty: none."""

    @property
    def said(self) -> str:
        """The choice in words."""
        took = listed([f"{config} takes {value}" for config, value in self.chosen.items()])
        chose = ", ".join(map(str, self.choosing))
        fresh = ", ".join(map(str, self.seeds))
        said = f"Chosen on seeds {chose}: {took}. Judged on seeds {fresh}."
        return f"{said} {self.left_out}" if self.left_out else said


def to_judge(
    points: Sequence[ComparedPoint],
    tuned: Sequence[str],
    *,
    grid: str,
    by: Sequence[str] = (),
    metrics: Sequence[str] = (),
    tune_seeds: Sequence[int] = (),
    seeds: int = SEEDS_TO_TRUST,
) -> ToJudge:
    """Return the points that judge what each configuration of a grid is tuned to.

    The choice is that of a comparison with the same words, made on all seeds that all points
    have. Asked again when those points are there, it returns them.

    Args:
        points: all of the grid's.
        tuned: axes, in full or by their last word.
        grid: what commands call the grid.
        by: axes that distinguish configurations; none: all others but the seed.
        metrics: what decides; none: as in a comparison.
        tune_seeds: that choose; none: all that all points have.
        seeds: how many judge.

    Raises:
        InvalidSpec: an axis, a metric or a seed that this grid does not have.
        NotPossible: nothing can be chosen yet.
    """
    axes = find_axes(by, points)
    tuning = tuning_of(points, tuned, tune_seeds, axes, option=EXTENDING)
    if tuning is None:
        raise ValueError("nothing is tuned")
    live = sum(point.is_live and point.seed in tuning.choosing for point in points)
    if live:
        has = "has" if live == 1 else "have"
        raise NotPossible(
            f"Grid {grid}: {counted(live, 'run')} of the seeds that choose {has} not ended, and a "
            f"choice is made once, from all of them. See bptt watch {grid}."
        )
    axes = tuple(path for path in axes or axes_of(points) if path not in tuning.axes)
    known = names_of(points)
    chosen = [
        (facet, _chosen(facet, axes, tuning, metrics, known, grid)) for facet in facets_of(points)
    ]
    several = len(chosen) > 1
    taken = {
        f"{facet.title}: {config}" if several else config: value
        for facet, one in chosen
        for config, value in one.taken.items()
    }
    if not taken:
        raise NotPossible(
            f"Nothing can be chosen in grid {grid}: no value of {listed(tuning.axes)} has results "
            f"in most of the seeds that choose. Why, run by run: bptt show {grid}."
        )
    there = fresh_seeds(points, tuning.axes, grid)
    after = max(point.seed for point in points) + 1
    new = range(after, after + seeds - len(there))
    kept = {
        repr(values): values
        for _, one in chosen
        for point in one.kept
        for values in [{path: v for path, v in point.values.items() if path != SEED}]
    }
    left_out = " ".join(one.left_out for _, one in chosen if one.left_out)
    return ToJudge(
        list(kept.values()),
        [*there, *new],
        taken,
        tuning.choosing,
        tuning.axes,
        tuning.by,
        left_out,
    )


def _chosen(
    facet: Facet,
    axes: Sequence[str],
    tuning: Tuning,
    metrics: Sequence[str],
    known: Sequence[str],
    grid: str,
) -> Chosen:
    own = deciding_metric(facet.points)
    measure, *_ = find_metrics(metrics, facet.points, known) or [default_measure(facet.points)]
    if not measure.better or measure.unranked:
        why = measure.unranked or "no run has a result"
        raise NotPossible(f"Nothing can be chosen in grid {grid}: {why}.")
    return choose(facet, axes, tuning, measure, own)
