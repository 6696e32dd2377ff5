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
from bptt.comparison.seeds_to_add import grids_of
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
    left_out: str = ""
    """Values that were not considered because too few of those seeds have results; empty: none."""


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
        held_by_it = [choices.index(choice) for name, choice in of_each if name == config]
        if not places and len(held_by_it) == 1:
            # there is nothing to choose, and so no seed that did
            place, *_ = tried[config] = held_by_it
        if place is not None:
            best[config] = choices[place]
    kept = best | {config: _choice(one.fixed, tuning) for config, one in seeds.items() if one.fixed}
    others = [one for one in best if kept[one] != best[one] and not ties[one]]
    equal = [one for one in best if ties[one]]
    edges = [
        one
        for one in best
        if one not in (*others, *equal) and _at_edge(best[one], [choices[i] for i in tried[one]])
    ]
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
        _note(tuning.axes, seeds, tried, edges, equal, others),
        tuple(config for config in configs if config not in kept),
        _left_out(of_each, values, choices, tried, {c: seeds[c].choosing for c in best}, tuning),
    )


def _left_out(
    of_each: Mapping[tuple[str, Choice], Sequence[ComparedPoint]],
    values: np.ndarray[Any, np.dtype[np.float64]],
    choices: Sequence[Choice],
    tried: Mapping[str, Sequence[int]],
    choosing: Mapping[str, Sequence[int]],
    tuning: Tuning,
) -> str:
    """Return which values were no candidates, and the commands that make them such.

    Args:
        of_each: points of each configuration with each choice.
        values: of these, (configurations, choices, seeds).
        choices: in the order of `values`.
        tried: places of the candidates of each configuration, in the order of `values`.
        choosing: the seeds that choose for each configuration that took a value.
        tuning: what is tuned.
    """
    said = []
    for (config, choice), held in of_each.items():
        place = choices.index(choice)
        if config not in choosing or place in tried[config]:
            continue
        seeds = choosing[config]
        row = values[list(tried).index(config), place]
        there = int(np.isfinite(row[[tuning.seeds.index(seed) for seed in seeds]]).sum())
        asked = [point for point in held if point.grids and point.seed in seeds]
        again = list(grids_of(asked, "").again.values())
        who = label(held[0], tuning.axes)
        who = f"{config} with {who}" if len({name for name, _ in of_each}) > 1 else who
        said.append(
            f"{who}: values on {there} of {counted(len(seeds), 'seed')} that may choose, not "
            f"considered{': ' * bool(again)}{', '.join(again)}."
        )
    return " ".join(said)


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
    axes: Sequence[str],
    seeds: Mapping[str, SeedsOfOne],
    tried: Mapping[str, Sequence[int]],
    edges: Sequence[str],
    equal: Sequence[str],
    others: Sequence[str],
) -> str:
    told = [_seeds_told(axes, seeds)]
    if partial := dict.fromkeys(seed for one in seeds.values() for seed in one.partial):
        told.append(
            f"Seeds that only some of the values have judge nothing that is chosen here, whatever "
            f"they were added for: {', '.join(map(str, partial))}."
        )
    if twice := [config for config, one in seeds.items() if one.twice]:
        told.append(
            f"Several values were chosen before, in several grids or for parts of it, so one is "
            f"chosen anew, by seeds that have all values: {listed(twice)}."
        )
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


def _seeds_told(axes: Sequence[str], seeds: Mapping[str, SeedsOfOne]) -> str:
    """Return which seeds chose and which judge, of whom where that is not the same for all."""
    chose = f"Tuned over {' and '.join(axes)}: the best mean on seeds"
    alike: dict[str, list[str]] = {}
    for name, one in seeds.items():
        added = ", which were added for the values chosen alone" if one.fixed else ""
        alike.setdefault(f"{one.told}{added}", []).append(name)
    chosen_now = not any(one.fixed for one in seeds.values())
    if len(alike) > 1 and not (chosen_now and len({one.choosing for one in seeds.values()}) == 1):
        who = [f"of {listed(names)} on {told}" for told, names in alike.items()]
        return f"{chose} that do not judge: {'; '.join(who)}."
    if not chosen_now:
        return f"{chose} {next(iter(alike))}."
    first = f"{chose} {', '.join(map(str, next(iter(seeds.values())).choosing))}"
    if not any(one.judging for one in seeds.values()):
        return f"{first}; no other seed is there to judge."
    keeps = ",".join(map(str, next(iter(seeds.values())).choosing))
    kept = f"--tune-seeds {keeps} keeps the choice when seeds are added"
    return f"{first}, judged on the others; {kept}."
