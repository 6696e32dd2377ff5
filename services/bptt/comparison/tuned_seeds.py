"""Which seeds choose the values of tuned axes, and which judge what was chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bptt.comparison.axes import find_axes
from bptt.comparison.facets import TASK
from bptt.comparison.fresh import Values, contested_seeds, fresh_seeds, rest_of
from bptt.comparison.point import ComparedPoint, has_told, whose
from bptt.comparison.ranking import SEEDS_TO_TELL
from bptt.comparison.seeds_to_add import SeedsToAdd
from bptt.comparison.tuning import split
from bptt.errors import InvalidSpec


class SeedsOfOne(NamedTuple):
    """The seeds of one configuration."""

    choosing: tuple[int, ...]
    judging: tuple[int, ...]

    @property
    def told(self) -> str:
        """Both in words."""
        choosing, judging = (", ".join(map(str, one)) for one in self)
        return f"{choosing or 'none'}, judged on {judging}" if judging else choosing or "none"


@dataclass(frozen=True)
class Tuning:
    """What is tuned, and on which seeds."""

    axes: tuple[str, ...]
    """Paths; the configurations differ in the others."""
    choosing: tuple[int, ...]
    """Seeds that choose, in the order of the file."""
    judging: tuple[int, ...]
    """All others, or fresh seeds alone if there are some."""
    fixed: bool = False
    """Whether those are fresh: then each value was chosen before they were trained."""
    contested: Mapping[Values, frozenset[int]] = field(default_factory=dict)
    """Where they are fresh: the seeds in which what is tuned has several values, by all that it is
    besides. A choice that was made in one grid is not made again because another one is there."""
    asked: bool = False
    """Whether the seeds that choose were asked for."""

    @property
    def all_of_it(self) -> SeedsOfOne:
        return SeedsOfOne(self.choosing, self.judging)

    @property
    def seeds(self) -> list[int]:
        """All of them, each once."""
        return list(dict.fromkeys((*self.choosing, *self.judging)))

    def seeds_of(self, points: Sequence[ComparedPoint]) -> SeedsOfOne:
        """Return the seeds that choose for a configuration, and those that judge it.

        Args:
            points: of the configuration, with all values of the tuned axes.
        """
        if not self.fixed:
            return self.all_of_it
        there = {point.seed for point in points}
        several = frozenset[int]().union(
            *(self.contested[rest_of(point, self.axes)] for point in points)
        )
        choosing = [s for s in self.choosing if self.asked or s in several]
        judging = [s for s in self.seeds if s in there - several and s not in choosing]
        return SeedsOfOne(tuple(choosing), tuple(judging))

    @property
    def decides(self) -> bool:
        """Whether there are enough seeds to judge on for a verdict."""
        return len(self.judging) >= SEEDS_TO_TELL


def with_judging(
    more: SeedsToAdd, points: Sequence[ComparedPoint], tuning: Tuning, by: Sequence[str]
) -> SeedsToAdd:
    """Return how to add seeds that judge what is tuned, within each grid.

    Args:
        more: the grids.
        points: all of them.
        tuning: what is tuned.
        by: paths of the axes that were asked for.
    """
    fresh, words = {}, {}
    for grid, seeds in more.grids.items():
        held = [point for point in points if grid in point.grids or not point.grids]
        fresh[grid] = fresh_seeds(held, tuning.axes)
        told = [f"--tuned {path}" for path in tuning.axes]
        varied = {path: {repr(one.values.get(path)) for one in held} for path in by}
        told += [f"--by {path}" for path in by if len(varied[path]) > 1]
        choosing = [str(seed) for seed in tuning.choosing if seed in seeds]
        if tuning.asked and choosing:
            told.append(f"--tune-seeds {','.join(choosing)}")
        words[grid] = " ".join(told)
    return replace(more, fresh=fresh, tuned=words)


def tuning_of(
    points: Sequence[ComparedPoint],
    tuned: Sequence[str],
    choosing: Sequence[int],
    by: Sequence[str] = (),
    *,
    option: str = "--tune",
) -> Tuning | None:
    """Return what is tuned; None if nothing is.

    Args:
        points: all of the grid's.
        tuned: axes, in full or by their last word.
        choosing: seeds that choose; none: all but the fresh ones if there are such, otherwise the
            first half of six and more; of those that all points have.
        by: paths of the axes that distinguish configurations.
        option: that the axes were given to; with `--tuned` all seeds choose that are not fresh.

    Raises:
        InvalidSpec: an axis or a seed that this grid does not have, an axis that cannot be tuned.
    """
    if not tuned:
        if choosing:
            raise InvalidSpec(["--tune-seeds needs --tune AXIS: what is chosen on these seeds."])
        return None
    axes = find_axes(tuned, points, option)
    for path in axes:
        if path in by:
            raise InvalidSpec(
                [f"--by and {option} both name {path}: an axis is compared or tuned."]
            )
        if path.partition(".")[0] == TASK:
            raise InvalidSpec([f"{option} {path!r} makes another problem: a task is not tuned."])
    seeds = list(dict.fromkeys(point.seed for point in points))
    by_config: dict[str, set[int]] = {}
    for point in points:
        by_config.setdefault(point.config, set()).add(point.seed)
    contested = contested_seeds(points, axes)
    several = frozenset[int]().union(*contested.values())
    fresh = [
        seed
        for seed in seeds
        if any(p.seed == seed and seed not in contested[rest_of(p, axes)] for p in points)
    ]
    old = [seed for seed in seeds if seed in several or not fresh]
    common = [seed for seed in old if all(seed in held for held in by_config.values())] or old
    if unknown := [seed for seed in choosing if seed not in seeds]:
        raise InvalidSpec(
            [
                f"--tune-seeds {unknown[0]} is no seed of {whose(points)}; {has_told(points)}: "
                f"{', '.join(map(str, seeds))}."
            ]
        )
    if fresh or option != "--tune":
        # other seeds may have had a say when those were added
        first = list(dict.fromkeys(choosing)) or (old if fresh else common)
        judging = tuple(seed for seed in fresh if not choosing or seed not in first)
        own = contested if fresh else {}
        return Tuning(axes, tuple(first), judging, bool(fresh), own, asked=bool(choosing))
    first = list(dict.fromkeys(choosing)) or [common[place] for place in split(len(common))[0]]
    judging = tuple(seed for seed in seeds if seed not in first)
    return Tuning(axes, tuple(first), judging, asked=bool(choosing))
