"""Fresh seeds: trained with the values that were chosen alone, so that they judge the choice."""

from collections.abc import Mapping, Sequence
from typing import Any

from bptt.comparison.axes import SEED
from bptt.comparison.point import ComparedPoint

Values = tuple[tuple[str, str], ...]


def fresh_seeds(points: Sequence[ComparedPoint], tuned: Sequence[str]) -> list[int]:
    """Return the seeds in which nothing has more than one value on the tuned axes, in their order.

    Which value that is was fixed before they were trained, so they have no say in it.

    Args:
        points: all of a grid's.
        tuned: paths of the axes whose values are chosen.

    Returns:
        None if nothing has several values in any seed: then nothing is chosen.
    """
    by_seed: dict[int, dict[Values, set[Values]]] = {}
    for point in points:
        known = by_seed.setdefault(point.seed, {})
        known.setdefault(_of(point.values, tuned, among=False), set()).add(
            _of(point.values, tuned, among=True)
        )
    several = {
        seed for seed, known in by_seed.items() if any(len(one) > 1 for one in known.values())
    }
    tried: dict[Values, set[Values]] = {}
    for seed in several:
        for rest, choices in by_seed[seed].items():
            tried.setdefault(rest, set()).update(choices)
    return [
        seed
        for seed, known in by_seed.items()
        if several and seed not in several and any(len(tried.get(rest, ())) > 1 for rest in known)
    ]


def _of(values: Mapping[str, Any], tuned: Sequence[str], *, among: bool) -> Values:
    """Return the values on the tuned axes, or on all others but the seed."""
    found = sorted(values.items())
    return tuple((p, repr(v)) for p, v in found if p != SEED and (p in tuned) is among)


def contested_seeds(
    points: Sequence[ComparedPoint], tuned: Sequence[str]
) -> dict[Values, frozenset[int]]:
    """Return the seeds in which each configuration has several values on the tuned axes.

    A configuration is known by its values on all other axes but the seed. What has one value in
    every seed has nothing to choose: its seeds count as contested unless they are fresh of others.
    """
    choices: dict[Values, dict[int, set[Values]]] = {}
    for point in points:
        of_seed = choices.setdefault(rest_of(point, tuned), {})
        of_seed.setdefault(point.seed, set()).add(_of(point.values, tuned, among=True))
    several = {
        rest: frozenset(seed for seed, held in of_seed.items() if len(held) > 1)
        for rest, of_seed in choices.items()
    }
    fresh = {seed for rest, held in several.items() if held for seed in choices[rest].keys() - held}
    return {rest: held or frozenset(choices[rest].keys() - fresh) for rest, held in several.items()}


def rest_of(point: ComparedPoint, tuned: Sequence[str]) -> Values:
    """Return the values of a point on all axes but the tuned ones and the seed."""
    return _of(point.values, tuned, among=False)
