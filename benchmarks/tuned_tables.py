"""What tuning does to a comparison: the bias of the best of several choices, and false claims."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from benchmarks.cells import head, percents, table_row
from benchmarks.drawn_tables import generator, normal
from bptt.comparison.tuning import split, tune

Array = NDArray[np.float64]
Found = dict[str, Any]
CASES = ((3, 3), (6, 3), (6, 4), (6, 6), (6, 10))
"""Choices and seeds, of which the bias is found."""
CLAIMED = {"same seeds": (3, 5, 10), "leaving one out": (3, 5, 10), "half": (6, 10, 20)}
"""Ways to tune, and numbers of seeds, of which false claims are found."""
CHOICES = 6
SPREADS = {"choices equal": 0.0, "choices 1 sd apart": 1.0}
"""Standard deviation of the choices' true means, in standard deviations of a run."""


def on_the_same(values: Array) -> Array:
    """Return values of the best choice on the seeds that it was chosen on, (tables, seeds)."""
    best = values.mean(2).argmax(1)
    return values[np.arange(len(values)), best]


def leaving_one_out(values: Array) -> Array:
    """Return, for each seed, the value of the choice that is best on all others."""
    others = (values.sum(2, keepdims=True) - values) / (values.shape[2] - 1)
    best = others.argmax(1)
    found: Array = np.take_along_axis(values, best[:, np.newaxis], axis=1)[:, 0]
    return found


def on_others(values: Array) -> Array:
    """Return values on the second half of the seeds of what the first half chose."""
    halves = split(values.shape[2])
    return tune(values, *halves).judged


WAYS: dict[str, Callable[[Array], Array]] = {
    "same seeds": on_the_same,
    "leaving one out": leaving_one_out,
    "half": on_others,
}


def biases(tables: int) -> Found:
    """Return by how much a tuned mean is above the true one of its choice, in sd of a run.

    With equal choices every true mean is 0. With unequal ones the true mean of what was taken is
    found from as many further values.
    """
    found: Found = {}
    for choices, seeds in CASES:
        for spread_name, spread in SPREADS.items():
            rng = generator("bias", choices, seeds, spread_name)
            truth = spread * normal(rng, tables, choices, 1)
            runs = truth + normal(rng, tables, choices, 2 * seeds)
            first, fresh = runs[..., :seeds], runs[..., seeds:]
            half = seeds // 2 or 1
            found[f"{choices} {seeds} {spread_name}"] = {
                "same seeds": _bias(first.mean(2), first.mean(2), truth[..., 0]),
                "leaving one out": _bias_of_each(first, truth[..., 0]),
                "half": _bias(first[..., :half].mean(2), first[..., half:].mean(2), truth[..., 0]),
                "fresh seeds": _bias(first.mean(2), fresh.mean(2), truth[..., 0]),
            }
    return found


def _bias(chosen_on: Array, judged_on: Array, truth: Array) -> float:
    """Return the mean over tables of judged minus true, of what is best; all (tables, choices)."""
    rows, best = np.arange(len(truth)), chosen_on.argmax(1)
    return float((judged_on[rows, best] - truth[rows, best]).mean())


def _bias_of_each(values: Array, truth: Array) -> float:
    """Return the same for leaving one seed out in turn, where each fold has its choice."""
    others = values.sum(2, keepdims=True) - values
    best = others.argmax(1)
    taken = np.take_along_axis(values, best[:, np.newaxis], axis=1)[:, 0]
    return float((taken - np.take_along_axis(truth, best, axis=1)).mean())


def claims(tables: int) -> Found:
    """Return shares of false claims of two equally good configurations, tuned over six choices.

    Each by the paired 95 % t interval: that the first is better, and that the second is.
    """
    found: Found = {}
    for way, sizes in CLAIMED.items():
        for seeds in sizes:
            rng = generator("tuned", way, seeds)
            drawn = normal(rng, tables, 2 * CHOICES, seeds)
            one, other = WAYS[way](drawn[:, :CHOICES]), WAYS[way](drawn[:, CHOICES:])
            untuned = drawn[:, CHOICES, -one.shape[1] :]
            found.setdefault(way, {})[str(seeds)] = {
                "both tuned": _sides(one - other),
                "one tuned": _sides(one - untuned),
            }
    return found


def _sides(differences: Array) -> list[float]:
    """Return shares of tables whose interval is above 0, and below, from (tables, seeds)."""
    n = differences.shape[1]
    error = differences.std(1, ddof=1) / np.sqrt(n)
    t, limit = differences.mean(1) / error, stdtrit(n - 1, 0.975)
    return [float((t > limit).mean()), float((t < -limit).mean())]


def lines(found: Found, tables: int) -> Iterator[str]:
    """Yield the tables."""
    yield (
        f"\nTuning. By how much the mean of the best of m choices is above the true mean of that "
        f"choice, in standard deviations of a run; {tables:,} tables. All choices equally good/"
        "true means with standard deviation 1.\n"
    )
    ways = ("same seeds", "leaving one out", "half", "fresh seeds")
    yield head("choices", "seeds", *ways)
    for choices, seeds in CASES:
        rows = [found["biases"][f"{choices} {seeds} {name}"] for name in SPREADS]
        cells = ["/".join(f"{round(row[way], 2) + 0.0:+.2f}" for row in rows) for way in ways]
        yield table_row(choices, seeds, *cells)
    yield (
        f"\nTwo equally good configurations, each tuned over {CHOICES} equal choices, or one of "
        "them: % of tables in which the paired 95 % t interval says that the tuned (first) one is "
        "better/that the other is. 2.5/2.5 is what an interval promises.\n"
    )
    yield head("tuned and judged on", "seeds", "both tuned", "one tuned")
    for way, by_seeds in found["tuned"].items():
        for seeds, rates in by_seeds.items():
            cells = [percents(rates[who], 1) for who in ("both tuned", "one tuned")]
            yield table_row(way, seeds, *cells)
