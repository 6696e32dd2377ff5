"""Which seeds choose the values of tuned axes, and which judge what was chosen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from bptt.comparison.axes import find_axes
from bptt.comparison.facets import TASK
from bptt.comparison.fresh import (
    ChosenTwice,
    Fixed,
    Values,
    fixed_choice,
    fresh_seeds,
    rest_of,
    tuned_values,
    whole_choice_seeds,
)
from bptt.comparison.point import ComparedPoint, has_told, whose
from bptt.comparison.ranking import SEEDS_TO_TELL
from bptt.comparison.seeds_to_add import SeedsToAdd
from bptt.comparison.tuning import split
from bptt.errors import InvalidSpec

EXTENDING = "--tuned"
"""The option of `extend`, with which all seeds choose that are not fresh."""


class SeedsOfOne(NamedTuple):
    """The seeds of one configuration."""

    choosing: tuple[int, ...]
    judging: tuple[int, ...]
    fixed: ComparedPoint | None = None
    """A point with the values that were chosen once and for all; None: they are chosen now."""
    twice: bool = False
    """Whether they are chosen now because several were chosen before."""
    partial: tuple[int, ...] = ()
    """Seeds that have only some of its values, and judge nothing that is chosen now."""

    @property
    def told(self) -> str:
        """Both in words."""
        choosing, judging = (", ".join(map(str, one)) for one in self[:2])
        return f"{choosing or 'none'}, judged on {judging}" if judging else choosing or "none"


@dataclass(frozen=True)
class Tuning:
    """What is tuned, and on which seeds."""

    axes: tuple[str, ...]
    """Paths; the configurations differ in the others."""
    by: tuple[str, ...]
    """Paths of the axes that were asked for."""
    seeds: tuple[int, ...]
    """All of them, in the order of the file."""
    rule: tuple[int, ...] | None
    """Seeds that choose for what no choice was made; None: of each configuration its own."""
    fresh: frozenset[int] = frozenset()
    """Seeds that judge choices that were made."""
    asked: bool = False
    """Whether the seeds that choose were asked for."""
    every: tuple[SeedsOfOne, ...] = ()
    """Of each configuration."""

    def seeds_of(self, points: Sequence[ComparedPoint]) -> SeedsOfOne:
        """Return the seeds that choose for a configuration, and those that judge it.

        What was chosen for it once, which the history of its grid says, is not chosen again.

        Args:
            points: of the configuration, with all values of the tuned axes.
        """
        try:
            fixed = fixed_choice(points, self.axes, self.by)
        except ChosenTwice:
            return self._ordinary(points)._replace(twice=True)
        return self._fixed(fixed) if fixed else self._ordinary(points)

    def _fixed(self, fixed: Fixed) -> SeedsOfOne:
        choosing = self.rule if self.asked and self.rule else fixed.choosing
        judging = tuple(seed for seed in fixed.judging if seed not in choosing)
        return SeedsOfOne(choosing, judging, fixed.point)

    def _ordinary(self, points: Sequence[ComparedPoint]) -> SeedsOfOne:
        whole = whole_choice_seeds(points, self.axes)
        rule = self.rule
        if rule is None:
            rule = tuple(whole[place] for place in split(len(whole))[0])
        if self.fresh and not self.asked and len({tuned_values(p, self.axes) for p in points}) == 1:
            # nothing is chosen, so that any seed of it judges, and those of the others pair with it
            judging = tuple(seed for seed in whole if seed in self.fresh)
            if judging:
                return SeedsOfOne(tuple(s for s in whole if s not in judging), judging)
        there = dict.fromkeys(point.seed for point in points)
        return SeedsOfOne(
            rule,
            tuple(seed for seed in whole if seed not in rule),
            partial=tuple(seed for seed in there if seed not in whole and seed not in rule),
        )

    @property
    def choosing(self) -> list[int]:
        """The seeds that choose for any configuration."""
        held = {seed for one in self.every for seed in one.choosing}
        return [seed for seed in self.seeds if seed in held]

    @property
    def judging(self) -> list[int]:
        """The seeds that judge any configuration."""
        held = {seed for one in self.every for seed in one.judging}
        return [seed for seed in self.seeds if seed in held]

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
        fresh[grid] = fresh_seeds(held, tuning.axes, grid)
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
        choosing: seeds that choose; none: the first half of six and more, of those that all points
            have for which no choice was made yet.
        by: paths of the axes that distinguish configurations.
        option: that the axes were given to; with `--tuned` all those seeds choose.

    Raises:
        InvalidSpec: an axis or a seed that this grid does not have, an axis that cannot be tuned.
    """
    if not tuned:
        if choosing:
            raise InvalidSpec(["--tune-seeds needs --tune AXIS: what is chosen on these seeds."])
        return None
    axes = find_axes(tuned, points, option)
    _refuse(axes, by, option)
    seeds = tuple(dict.fromkeys(point.seed for point in points))
    if unknown := [seed for seed in choosing if seed not in seeds]:
        raise InvalidSpec(
            [
                f"--tune-seeds {unknown[0]} is no seed of {whose(points)}; {has_told(points)}: "
                f"{', '.join(map(str, seeds))}."
            ]
        )
    whole = _configurations(points, axes, by)
    fixed = [_fixed_or_none(held, axes, by) for held in whole]
    fresh = frozenset(seed for one in fixed if one for seed in one.judging)
    unfixed = [held for held, one in zip(whole, fixed, strict=True) if one is None]
    rule: tuple[int, ...] | None = tuple(dict.fromkeys(choosing))
    if not rule:
        rule = _rule(
            [point for held in unfixed for point in held], fresh, extending=option == EXTENDING
        )
    found = Tuning(axes, tuple(by), seeds, rule, fresh, bool(choosing))
    return replace(found, every=tuple(map(found.seeds_of, whole)))


def _refuse(axes: Sequence[str], by: Sequence[str], option: str) -> None:
    for path in axes:
        if path in by:
            raise InvalidSpec(
                [f"--by and {option} both name {path}: an axis is compared or tuned."]
            )
        if path.partition(".")[0] == TASK:
            raise InvalidSpec([f"{option} {path!r} makes another problem: a task is not tuned."])


def _configurations(
    points: Sequence[ComparedPoint], axes: Sequence[str], by: Sequence[str]
) -> list[list[ComparedPoint]]:
    """Return the points of each configuration of each problem."""
    found: dict[tuple[str, Values], list[ComparedPoint]] = {}
    for point in points:
        rest = rest_of(point, axes)
        if by:
            rest = tuple(one for one in rest if one[0] in by or one[0].partition(".")[0] == TASK)
        found.setdefault((point.task, rest), []).append(point)
    return list(found.values())


def _fixed_or_none(
    points: Sequence[ComparedPoint], axes: Sequence[str], by: Sequence[str]
) -> Fixed | None:
    try:
        return fixed_choice(points, axes, by)
    except ChosenTwice:
        return None


def _rule(
    points: Sequence[ComparedPoint], fresh: frozenset[int], *, extending: bool
) -> tuple[int, ...] | None:
    """Return the seeds that choose where nobody asked for some; None: there are no common ones.

    Args:
        points: of configurations for which no choice was made.
        fresh: seeds that judge the others.
        extending: whether the choice is to be judged on such seeds, too, which then have no say.
    """
    held: dict[str, set[int]] = {}
    for point in points:
        held.setdefault(point.config, set()).add(point.seed)
    seeds = list(dict.fromkeys(point.seed for point in points))
    common = [seed for seed in seeds if all(seed in one for one in held.values())]
    if extending:
        return tuple(seed for seed in common or seeds if seed not in fresh)
    if not common:
        return None if points else ()
    return tuple(common[place] for place in split(len(common))[0])
