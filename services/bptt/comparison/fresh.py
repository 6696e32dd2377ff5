"""Fresh seeds: added for the values that were chosen alone, so that they judge the choice.

Only those count that the history of a grid names: that a seed has one value alone may have any
other reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bptt.comparison.axes import SEED, label
from bptt.comparison.differing import is_program
from bptt.comparison.point import ComparedPoint
from bptt.records.choices import MadeChoice

Values = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Fixed:
    """What was chosen for a configuration, once and for all."""

    point: ComparedPoint
    """One that has the values chosen."""
    choosing: tuple[int, ...]
    """Seeds that had a say."""
    judging: tuple[int, ...]
    """Fresh seeds, in the order of the points."""


class ChosenTwice(Exception):
    """Several values were chosen for one configuration, at different times or in several grids."""


def fixed_choice(
    points: Sequence[ComparedPoint], tuned: Sequence[str], by: Sequence[str]
) -> Fixed | None:
    """Return what was chosen for a configuration; None if its grids' history has no choice.

    A seed that had a say in any of several choices judges none of them.

    Args:
        points: of the configuration.
        tuned: paths of the axes whose values are chosen.
        by: paths of the axes that were asked for; choices made with the same ones come first.

    Raises:
        ChosenTwice: several values were chosen.
    """
    made = [(choice, point) for point in points for choice in choices_of(point, tuned)]
    # what is of another program is set apart, whoever asked for what
    asked = {path for path in by if not is_program(path)}
    made = [one for one in made if one[0].tuned and set(one[0].by) == asked] or made
    if not made:
        return None
    if len({tuned_values(point, tuned) for _, point in made}) > 1:
        raise ChosenTwice
    said = sorted({seed for choice, _ in made for seed in choice.choosing})
    judging = dict.fromkeys(point.seed for _, point in made if point.seed not in said)
    return Fixed(made[0][1], tuple(said), tuple(judging))


def choices_of(point: ComparedPoint, tuned: Sequence[str]) -> list[MadeChoice]:
    """Return the choices of values on these axes, and no others, that a point was added for."""
    return [
        choice
        for choice in point.choices
        if set(choice.tuned) == set(tuned)
        or (not choice.tuned and label(point, tuned) in choice.words)
    ]


def fresh_seeds(points: Sequence[ComparedPoint], tuned: Sequence[str], grid: str) -> list[int]:
    """Return the seeds that a grid was given to judge choices of values on these axes."""
    return list(
        dict.fromkeys(
            point.seed
            for point in points
            if any(choice.grid_id == grid for choice in choices_of(point, tuned))
        )
    )


def whole_choice_seeds(points: Sequence[ComparedPoint], tuned: Sequence[str]) -> list[int]:
    """Return the seeds in which a configuration has every value of the tuned axes that it has.

    Which value is chosen does not change whether such a seed judges it; where only some values are
    there, somebody may have trained these because of what the others had shown.

    Args:
        points: of the configuration.
        tuned: paths of the axes whose values are chosen.
    """
    every: dict[Values, set[Values]] = {}
    by_seed: dict[int, dict[Values, set[Values]]] = {}
    for point in points:
        rest, value = rest_of(point, tuned), tuned_values(point, tuned)
        every.setdefault(rest, set()).add(value)
        by_seed.setdefault(point.seed, {}).setdefault(rest, set()).add(value)
    return [
        seed
        for seed, held in by_seed.items()
        if all(values == every[rest] for rest, values in held.items())
    ]


def tuned_values(point: ComparedPoint, tuned: Sequence[str]) -> Values:
    """Return the values of a point on the tuned axes."""
    return _of(point.values, tuned, among=True)


def rest_of(point: ComparedPoint, tuned: Sequence[str]) -> Values:
    """Return the values of a point on all axes but the tuned ones and the seed."""
    return _of(point.values, tuned, among=False)


def _of(values: Mapping[str, Any], tuned: Sequence[str], *, among: bool) -> Values:
    found = sorted(values.items())
    return tuple((p, repr(v)) for p, v in found if p != SEED and (p in tuned) is among)
