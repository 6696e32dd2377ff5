"""Which choice each configuration takes, by some seeds, and what it is worth, by others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bptt.comparison.pairs import foremost, paired
from bptt.comparison.ranking import SEEDS_TO_TELL

Array = NDArray[np.float64]

SEEDS_TO_SPLIT = 6
"""Below which half of the seeds are too few to judge on."""


@dataclass(frozen=True)
class Tuned:
    """What each configuration was tuned to, and its values on the seeds that judge it."""

    choices: tuple[int | None, ...]
    """(configurations,): place of the choice taken; None where no choice has enough values."""
    among: tuple[tuple[int, ...], ...]
    """(configurations,): places of the choices with enough values, which it was taken from."""
    tied: tuple[bool, ...]
    """(configurations,): whether other choices are as good as the one taken."""
    judged: Array
    """(configurations, judging seeds), for `rank`; NaN for what has taken no choice."""

    @property
    def decides(self) -> bool:
        """Whether there are enough judging seeds for a verdict."""
        return len(self.judged.T) >= SEEDS_TO_TELL


def split(seeds: int) -> tuple[range, range]:
    """Return the places of the seeds to tune on, the first half, and of those to judge on.

    Args:
        seeds: how many there are, in the order of the file.

    Returns:
        All to tune on and none to judge on if there are fewer than six.
    """
    half = seeds // 2 if seeds >= SEEDS_TO_SPLIT else seeds
    return range(half), range(half, seeds)


def tune(
    values: Array,
    tuning: Sequence[int],
    judging: Sequence[int],
    among_equals: Array | None = None,
) -> Tuned:
    """Choose for each configuration by some seeds, and judge the choices by others.

    The best of m choices owes part of its mean to chance, so the seeds that it was chosen on say
    too much of it (Cawley & Talbot 2010): the means that matter are those on seeds that had no
    say. Leaving out one seed in turn has no such bias, but its folds share their data, and a t
    interval over them is wrong in 10 to 21 of 100 comparisons: docs/inference.md.

    Args:
        values: (configurations, choices, seeds), higher is better; NaN where there is none.
        tuning: places of the seeds to choose on. A choice with values on no more than half of
            them is not taken, so that any two have some of these seeds in common.
        judging: places of the seeds to judge on, other ones; may be empty.
        among_equals: other values, of the same shape, that choose among choices with equal means.

    Raises:
        ValueError: a seed is in both.
    """
    both = set(tuning) & set(judging)
    if both:
        raise ValueError(f"seeds to judge on must not be tuned on, got {sorted(both)} in both")
    second = values if among_equals is None else among_equals
    found = [
        _choice(one, other)
        for one, other in zip(values[:, :, list(tuning)], second[:, :, list(tuning)], strict=True)
    ]
    judged = values[:, :, list(judging)]
    kept = np.full((len(values), len(judging)), np.nan)
    for config, (taken, _, _) in enumerate(found):
        if taken is not None:
            kept[config] = judged[config, taken]
    return Tuned(
        choices=tuple(taken for taken, _, _ in found),
        among=tuple(tuple(members) for _, members, _ in found),
        tied=tuple(tied for _, _, tied in found),
        judged=kept,
    )


def _choice(values: Array, among_equals: Array) -> tuple[int | None, list[int], bool]:
    """Return the best choice, those that it was among, and whether others equal it.

    Each is compared with each over the seeds that both have: none is better for lacking a hard
    seed, and what a third one does to a seed says nothing of two.

    Args:
        values: (choices, tuning seeds).
        among_equals: other values of them; among those that are equal in these, too, the first.
    """
    here = np.isfinite(values)
    members = np.flatnonzero(2 * here.sum(1) > values.shape[1])
    if not len(members):
        return None, [], False
    best = members[_best(values[members])]
    known = best[np.isfinite(among_equals[best]).any(1)]
    if len(best) > 1 and len(known):
        best = known[_best(among_equals[known])]
    return int(best[0]), members.tolist(), len(best) > 1


def _best(values: Array) -> NDArray[np.intp]:
    """Return the best row, and those that are equal to it."""
    first = foremost(values, SEEDS_TO_TELL)
    return np.flatnonzero(paired(values, first).leads == 0.0)
