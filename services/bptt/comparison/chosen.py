"""Tuned comparisons: the runs with the values each configuration takes, on seeds that judge."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bptt.comparison.axes import find_axes, label
from bptt.comparison.column import column_of
from bptt.comparison.facets import TASK, Facet
from bptt.comparison.fresh import fresh_seeds
from bptt.comparison.metrics import Measure, refuse_unranked
from bptt.comparison.point import ComparedPoint, has_told, whose
from bptt.comparison.ranking import SEEDS_TO_TELL
from bptt.comparison.tuning import split, tune
from bptt.comparison.wording import listed
from bptt.errors import InvalidSpec

Choice = tuple[Any, ...]
"""Values of the tuned axes, in their order; None where an axis does not apply."""


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

    @property
    def decides(self) -> bool:
        """Whether there are enough seeds to judge on for a verdict."""
        return len(self.judging) >= SEEDS_TO_TELL


@dataclass(frozen=True)
class Chosen:
    """What each configuration of a problem was tuned to."""

    facet: Facet
    """Only the runs with the values taken, on the seeds that judge."""
    names: tuple[str, ...]
    """The configuration of each of them."""
    kept: tuple[ComparedPoint, ...]
    """All runs with the values taken, on whichever seed."""
    kept_names: tuple[str, ...]
    """The configuration of each of these."""
    taken: Mapping[str, str]
    """The values in words, by configuration."""
    note: str
    """How they were chosen, and what that does not cover."""


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
    fresh = fresh_seeds(points, axes)
    old = [seed for seed in seeds if seed not in fresh]
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
        first = list(dict.fromkeys(choosing)) or common
        judging = tuple(seed for seed in fresh if seed not in first)
        return Tuning(axes, tuple(first), judging, fixed=bool(fresh))
    first = list(dict.fromkeys(choosing)) or [common[place] for place in split(len(common))[0]]
    return Tuning(axes, tuple(first), tuple(seed for seed in seeds if seed not in first))


def choose(
    facet: Facet, by: Sequence[str], tuning: Tuning, measure: Measure, own: Measure
) -> Chosen:
    """Choose the value of the tuned axes with the best mean for each configuration of a problem.

    Args:
        facet: the problem.
        by: paths of the axes that distinguish configurations; the tuned ones are left out.
        tuning: what is tuned.
        measure: what decides.
        own: the task's own metric, which chooses among those that are equal in what decides.

    Raises:
        InvalidSpec: what decides ranks nobody.
    """
    refuse_unranked(measure)
    # if nothing else differs there is one configuration
    names = facet.names(by) if by else [facet.task] * len(facet.points)
    of_each: dict[tuple[str, Choice], list[ComparedPoint]] = {}
    for name, point in zip(names, facet.points, strict=True):
        of_each.setdefault((name, _choice(point, tuning)), []).append(point)
    configs = list(dict.fromkeys(name for name, _ in of_each))
    choices = _ordered({choice for _, choice in of_each})
    values, second = (
        _values(of_each, configs, choices, (*by, *tuning.axes), tuning, one)
        for one in (measure, own)
    )
    count = len(tuning.choosing)
    tuned = tune(values, range(count), range(count, values.shape[2]), second)
    best = {
        config: choices[place]
        for config, place in zip(configs, tuned.choices, strict=True)
        if place is not None
    }
    kept = best | (_fixed(of_each, tuning) if tuning.fixed else {})
    edges, equal, others = [], [], []
    for config, among, tied in zip(configs, tuned.among, tuned.tied, strict=True):
        if config in best and kept[config] != best[config] and not tied:
            others.append(config)
        elif config in best and tied:
            equal.append(config)
        elif config in best and _at_edge(best[config], [choices[one] for one in among]):
            edges.append(config)
    held = [
        (name, point)
        for name, point in zip(names, facet.points, strict=True)
        if name in kept and _choice(point, tuning) == kept[name]
    ]
    judged = [(name, point) for name, point in held if point.seed in tuning.judging]
    tried = {config: len(among) for config, among in zip(configs, tuned.among, strict=True)}
    return Chosen(
        replace(facet, points=tuple(point for _, point in judged)),
        tuple(name for name, _ in judged),
        tuple(point for _, point in held),
        tuple(name for name, _ in held),
        {name: label(point, tuning.axes) for name, point in held},
        _note(tuning, tried, edges, equal, others),
    )


def _fixed(
    of_each: Mapping[tuple[str, Choice], Sequence[ComparedPoint]], tuning: Tuning
) -> dict[str, Choice]:
    """Return the one choice that each configuration has on fresh seeds."""
    there: dict[str, list[Choice]] = {}
    for (config, choice), held in of_each.items():
        if any(point.seed in tuning.judging for point in held):
            there.setdefault(config, []).append(choice)
    return {config: found[0] for config, found in there.items() if len(found) == 1}


def _choice(point: ComparedPoint, tuning: Tuning) -> Choice:
    return tuple(_hashable(point.values.get(path)) for path in tuning.axes)


def _hashable(value: Any) -> Hashable:
    return value if isinstance(value, Hashable) else repr(value)


def _ordered(choices: set[Choice]) -> list[Choice]:
    def place(choice: Choice) -> list[tuple[bool, float, str]]:
        return [
            (False, float(one), "") if isinstance(one, int | float) else (True, 0.0, str(one))
            for one in choice
        ]

    return sorted(choices, key=place)


def _values(
    of_each: Mapping[tuple[str, Choice], Sequence[ComparedPoint]],
    configs: Sequence[str],
    choices: Sequence[Choice],
    by: Sequence[str],
    tuning: Tuning,
    measure: Measure,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return what each configuration has with each choice, (configurations, choices, seeds).

    Higher is better; seeds that choose come first.
    """
    column = column_of({str(key): held for key, held in of_each.items()}, measure, by)
    sign = -1.0 if measure.better == "lower" else 1.0
    seeds = (*tuning.choosing, *tuning.judging)
    found = np.full((len(configs), len(choices), len(seeds)), np.nan)
    for (config, choice), held in zip(of_each, column.values, strict=True):
        place = configs.index(config), choices.index(choice)
        found[place] = [sign * held.get(seed, np.nan) for seed in seeds]
    return found


def _at_edge(taken: Choice, among: Sequence[Choice]) -> bool:
    """Say whether a number taken is the least or the largest of several."""
    for axis, value in enumerate(taken):
        known = {one[axis] for one in among}
        numbers = [one for one in known if isinstance(one, int | float)]
        if len(known) > 1 and len(numbers) == len(known) and value in (min(known), max(known)):
            return True
    return False


def _note(
    tuning: Tuning,
    tried: Mapping[str, int],
    edges: Sequence[str],
    equal: Sequence[str],
    others: Sequence[str],
) -> str:
    axes = " and ".join(tuning.axes)
    seeds = ", ".join(map(str, tuning.choosing))
    chose = f"Tuned over {axes}: the best mean on seeds {seeds}"
    told = [
        f"{chose}, judged on the others; --tune-seeds "
        f"{','.join(map(str, tuning.choosing))} keeps the choice when seeds are added."
    ]
    if tuning.fixed:
        fresh = ", ".join(map(str, tuning.judging))
        told = [f"{chose}, judged on {fresh}, which were added for the values chosen alone."]
    if others:
        told.append(
            f"Judged with the value that those were added for, although another has the best mean "
            f"on the seeds that choose: {listed(others)}."
        )
    counts = sorted(set(tried.values()))
    if len(counts) > 1:
        told.append(
            f"Not tuned alike: over {counts[0]} to {counts[-1]} values; whoever has more of them "
            "finds a better one."
        )
    if equal:
        told.append(f"Several values are equally good on these seeds for {listed(equal)}.")
    if edges:
        told.append(
            f"At the edge of its axis, so that a better value may lie beyond: {listed(edges)}."
        )
    return " ".join(told)
