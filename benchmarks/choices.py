"""What was chosen for good beside what is chosen now, and the best of many evaluations."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cells import head, table_row
from benchmarks.drawn_tables import generator, normal, with_seeds
from benchmarks.part import Found, Part
from bptt.comparison import ComparedPoint
from bptt.comparison.table import compare
from bptt.records.choices import MadeChoice

Array = NDArray[np.float64]
VALUES, CHOOSING, FRESH = 6, 8, 5
"""Values that are tuned over, seeds that choose for good, and fresh ones for what was chosen."""
SEEDS = CHOOSING + FRESH
EVALUATIONS, RUNS = 20, 5
"""Of a run that learns nothing, and runs of a configuration."""
LR = "optimizer.lr"
FAMILIES = {"normal": normal, "seeds matter": with_seeds}


@dataclass(frozen=True)
class Plan:
    tables: int = 1_000
    """Drawn in each case."""


def recorded(cell: str, values: Array) -> list[ComparedPoint]:
    """Return a grid whose best value of the first seeds was given fresh ones by `--tuned`."""
    best = int(values[:, :CHOOSING].mean(1).argmax())
    choice = MadeChoice(cell, (LR,), (), tuple(range(CHOOSING)))
    old = _points(cell, values, range(CHOOSING))
    fresh = _points(cell, values, range(CHOOSING, SEEDS), only=best)
    return old + [replace(point, choices=(choice,)) for point in fresh]


def by_halves(cell: str, values: Array) -> list[ComparedPoint]:
    """Return a grid with all values in all seeds."""
    return _points(cell, values, range(SEEDS))


def by_hand(cell: str, values: Array) -> list[ComparedPoint]:
    """Return the same, with two more seeds for what is best, which no history names."""
    best = int(values[:, :SEEDS].mean(1).argmax())
    return by_halves(cell, values) + _points(cell, values, range(SEEDS, SEEDS + 2), only=best)


def untuned(cell: str, values: Array) -> list[ComparedPoint]:
    """Return a grid with one value."""
    return _points(cell, values, range(SEEDS), only=0)


def _points(
    cell: str, values: Array, seeds: Sequence[int], only: int | None = None
) -> list[ComparedPoint]:
    taken = range(VALUES) if only is None else (only,)
    return [_point(cell, seed, values[one, seed], **{LR: one}) for one in taken for seed in seeds]


def _point(cell: str, seed: int, value: float, **axes: Any) -> ComparedPoint:
    result = {"outcome": "finished", "metric": "accuracy", "better": "higher", "baseline": 0.0}
    result |= {"step": 1, "metrics": {"eval/accuracy": float(value)}}
    held = {"cell": cell, **axes, "seed": seed}
    config = " ".join(str(one) for path, one in held.items() if path != "seed")
    return ComparedPoint(config, seed, "succeeded", result, values=held, grids=(cell,))


Make = Callable[[str, Array], list[ComparedPoint]]
CASES: dict[str, tuple[Make, Make]] = {
    "chosen for good, by halves": (recorded, by_halves),
    "chosen for good, two seeds more by hand": (recorded, by_hand),
    "chosen for good, one value alone": (recorded, untuned),
    "by halves, two seeds more by hand": (by_halves, by_hand),
}
"""What two grids of one cell each are."""


def measure(plan: Plan) -> Found:
    """Return how often a difference is claimed that is not there, and how far means are off."""
    return {
        "tuned": {
            f"{case}; {family}": _tuned(case, family, plan.tables)
            for case in CASES
            for family in FAMILIES
        },
        "learned": {
            name: _learned(name, plan.tables)
            for name in ("last evaluation", "test set", "best evaluation")
        },
    }


def _tuned(case: str, family: str, tables: int) -> Found:
    rng = generator("choices", case, family)
    claims, means = [0, 0], []
    for drawn in FAMILIES[family](rng, tables, 2 * VALUES, SEEDS + 2):
        one, other = drawn[:VALUES], drawn[VALUES:]
        points = [p for make, v, c in zip(CASES[case], (one, other), "ab", strict=True)
                  for p in make(c, v)]  # fmt: skip
        (found,) = compare(points, tune=["lr"])
        groups = {group.config: group for group in found.groups}
        for number, cell in enumerate("ab"):
            claims[number] += f"{cell} is better than" in found.verdict
        values = [groups[cell].value for cell in "ab"]
        means.append([np.nan if value is None else value.estimate for value in values])
    biases = np.nanmean(np.array(means), axis=0)
    return {"claims": [one / tables for one in claims], "bias": [float(b) for b in biases]}


def _learned(what: str, tables: int) -> float:
    """Return the share of configurations that learned nothing and are said to have."""
    rng = generator("learned", what)
    said = 0
    for drawn in normal(rng, tables, RUNS, EVALUATIONS):
        points = []
        for seed, values in enumerate(drawn):
            end = _point("a", seed, values[-1])
            if what == "test set":
                metrics = {**(end.result or {})["metrics"]}
                metrics["best/test_accuracy"] = float(rng.standard_normal())
                end = replace(end, result={**(end.result or {}), "metrics": metrics})
            best = _point("a", seed, values.max())
            if what == "best evaluation":
                # as if it were the last one
                points.append(best)
            else:
                points.append(replace(best, result_at_end=end.result, moment="best"))
        (found,) = compare(points)
        said += bool(found.groups[0].learned)
    return said / tables


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the tables."""
    yield "## Choices\n"
    yield (
        f"Two equally good configurations, each tuned over {VALUES} equal values in a grid of its "
        f"own, given to `bptt compare A B --tune lr`: % of {plan.tables:,} pairs in which the "
        "first is said to be better/the second is, and by how much the mean of each is off, in "
        f"standard deviations of a run. *Chosen for good*: by {CHOOSING} seeds, with {FRESH} fresh "
        "ones that `extend --tuned` recorded. *By hand*: seeds that only the value has which was "
        "best on all others.\n"
    )
    yield head("grids", "claims", "both", "bias")
    for case, one in found["tuned"].items():
        first, second = (100 * share for share in one["claims"])
        biases = "/".join(f"{round(bias, 2) + 0.0:+.2f}" for bias in one["bias"])
        yield table_row(case, f"{first:.1f}/{second:.1f}", f"{first + second:.1f}", biases)
    yield (
        f"\nA configuration that learned nothing, {RUNS} runs with {EVALUATIONS} noisy evaluations "
        "each, at its best one (`--at best`): % of cases in which it is said to have learned "
        "something, by what is held against the baseline. The last row is what the best "
        "evaluation itself would say.\n"
    )
    yield head("judged by", "said to have learned")
    for name, share in found["learned"].items():
        yield table_row(name, f"{100 * share:.1f}")


PART = Part("choices", "measurements", Plan(), measure, lines)
