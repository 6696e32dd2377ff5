"""Tuned comparisons: the runs with the values each configuration takes, on seeds that judge."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bptt.comparison.axes import label
from bptt.comparison.column import column_of
from bptt.comparison.facets import Facet
from bptt.comparison.metrics import Measure, refuse_unranked
from bptt.comparison.point import ComparedPoint
from bptt.comparison.tuned_seeds import SeedsOfOne, Tuning
from bptt.comparison.tuning import tune
from bptt.comparison.wording import listed
from bptt.counted import counted

Choice = tuple[Any, ...]
"""Values of the tuned axes, in their order; None where an axis does not apply."""


@dataclass(frozen=True)
class Chosen:
    """What each configuration of a problem was tuned to."""

    facet: Facet
    """Only the runs with the values taken, on the seeds that judge."""
    names: tuple[str, ...]
    """The configuration of each of them."""
    kept: tuple[ComparedPoint, ...]
    """All runs with the values taken, on whichever seed."""
    taken: Mapping[str, str]
    """The values in words, by configuration."""
    note: str
    """How they were chosen, and what that does not cover."""
    untaken: tuple[str, ...] = ()
    """Configurations none of whose values has results in most of the seeds that choose."""


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
    by_config: dict[str, list[ComparedPoint]] = {}
    for (config, _), some in of_each.items():
        by_config.setdefault(config, []).extend(some)
    seeds = {config: tuning.seeds_of(every) for config, every in by_config.items()}
    best: dict[str, Choice] = {}
    tried: dict[str, Sequence[int]] = {}
    ties: dict[str, bool] = {}
    for number, config in enumerate(configs):
        places = [tuning.seeds.index(seed) for seed in seeds[config].choosing]
        one = tune(values[[number]], places, (), second[[number]])
        ((place,), (tried[config],), (ties[config],)) = one.choices, one.among, one.tied
        if place is not None:
            best[config] = choices[place]
    kept = best | (_fixed(of_each, seeds) if tuning.fixed else {})
    edges, equal, others = [], [], []
    for config, among in tried.items():
        tied = ties[config]
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
    judged = [(name, point) for name, point in held if point.seed in seeds[name].judging]
    return Chosen(
        replace(facet, points=tuple(point for _, point in judged)),
        tuple(name for name, _ in judged),
        tuple(point for _, point in held),
        {name: label(point, tuning.axes) for name, point in held},
        _note(tuning, seeds, tried, edges, equal, others),
        tuple(config for config in configs if config not in kept),
    )


def _fixed(
    of_each: Mapping[tuple[str, Choice], Sequence[ComparedPoint]], seeds: Mapping[str, SeedsOfOne]
) -> dict[str, Choice]:
    """Return the one choice that each configuration has on fresh seeds."""
    there: dict[str, list[Choice]] = {}
    for (config, choice), held in of_each.items():
        if any(point.seed in seeds[config].judging for point in held):
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

    Higher is better.
    """
    column = column_of({str(key): held for key, held in of_each.items()}, measure, by)
    sign = -1.0 if measure.better == "lower" else 1.0
    seeds = tuning.seeds
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
    seeds: Mapping[str, SeedsOfOne],
    tried: Mapping[str, Sequence[int]],
    edges: Sequence[str],
    equal: Sequence[str],
    others: Sequence[str],
) -> str:
    told = [_seeds_told(tuning, seeds)]
    if others:
        told.append(
            f"Judged with the value that those were added for, although another has the best mean "
            f"on the seeds that choose: {listed(others)}."
        )
    by_count: dict[int, list[str]] = {}
    for config, among in tried.items():
        by_count.setdefault(len(among), []).append(config)
    if len(by_count) > 1:
        who = [f"{listed(held)} over {counted(n, 'value')}" for n, held in sorted(by_count.items())]
        told.append(f"Not tuned alike: {listed(who)}; whoever has more finds a better one.")
    else:
        told += [f"Each was tuned over {counted(count, 'value')}." for count in by_count]
    if equal:
        told.append(f"Several values are equally good on these seeds for {listed(equal)}.")
    if edges:
        told.append(
            f"At the edge of its axis, so that a better value may lie beyond: {listed(edges)}."
        )
    return " ".join(told)


def _seeds_told(tuning: Tuning, seeds: Mapping[str, SeedsOfOne]) -> str:
    """Return which seeds chose and which judge, of whom where that is not the same for all."""
    chose = f"Tuned over {' and '.join(tuning.axes)}: the best mean on seeds"
    every = set(seeds.values())
    if len(every) > 1:
        who = [
            f"of {listed([name for name, own in seeds.items() if own == one])} on {one.told}"
            for one in dict.fromkeys(seeds.values())
        ]
        return f"{chose} that do not judge: {'; '.join(who)}."
    ((choosing, judging),) = ((one.choosing, one.judging) for one in every or {tuning.all_of_it})
    first = f"{chose} {', '.join(map(str, choosing))}"
    if tuning.fixed:
        fresh = ", ".join(map(str, judging))
        return f"{first}, judged on {fresh}, which were added for the values chosen alone."
    if not judging:
        return f"{first}; no other seed is there to judge."
    keeps = ",".join(map(str, choosing))
    kept = f"--tune-seeds {keeps} keeps the choice when seeds are added"
    return f"{first}, judged on the others; {kept}."
