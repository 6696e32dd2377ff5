"""How often a comparison tells a configuration that really is better."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cells import head, percents, table_row
from benchmarks.drawn_tables import generator, normal
from benchmarks.verdicts import RULES, Verdicts

Array = NDArray[np.float64]
Found = dict[str, Any]
SEEDS = (3, 5, 10, 20)
CONFIGS = (2, 6, 20)
SIDES = ("`bptt compare`", "the earlier rule")
LEADS = (1, 2, 4)
"""Of the one best configuration, in standard deviations of a run."""
BUDGET, EVERY, SPREAD, SHARED = 1000, 50, 0.35, 0.3
"""Updates at most, and between evaluations; of the logarithm of the updates to solve."""
EQUAL = {
    "all solve": (300, 1),
    "half solve": (1000, 1),
    "17 % solve": (1400, 1),
    "solved at the first evaluations": (60, 1),
}
FASTER = {"best twice as fast": (600, 2), "best three times as fast": (600, 3)}
"""Median updates of all but the best, and how many times fewer the best takes."""
FLOOR = -4.0
"""Baseline of scores with standard deviation 1 around 0."""


def one_best(tables: int) -> Found:
    """Return what is told where one configuration leads all others by the same distance."""
    found: Found = {}
    for configs in CONFIGS:
        for seeds in SEEDS:
            drawn = normal(generator("power", configs, seeds), tables, configs, seeds)
            for lead in LEADS:
                values = drawn.copy()
                values[:, 0] += lead
                found[f"{configs} {seeds} {lead}"] = _told(values)
    return found


def erratic(tables: int) -> Found:
    """Return what is told of a steady second where others of the table are erratic."""
    found: Found = {}
    means = np.array([1.0, 0.95, 0.8, 0.8, 0.5, 0.5])[:, np.newaxis]
    spreads = np.array([0.01, 0.01, 0.15, 0.15, 0.02, 0.02])[:, np.newaxis]
    for seeds in SEEDS:
        values = means + spreads * normal(generator("erratic", seeds), tables, 6, seeds)
        found[str(seeds)] = {
            name: [float(share) for share in rule(values).told.mean(0)]
            for name, rule in RULES.items()
        }
    return found


def _told(values: Array) -> dict[str, list[float]]:
    return {name: _figures(rule(values)) for name, rule in RULES.items()}


def _figures(verdicts: Verdicts) -> list[float]:
    """Return shares: of the inferior told, of the tables that keep the best; and the top's size."""
    return [
        float(verdicts.told[:, 1:].mean()),
        float(1 - verdicts.told[:, 0].mean()),
        verdicts.top,
    ]


def times(tables: int) -> Found:
    """Return, for updates to solve, claims where all are equal, and what is told if not."""
    found: Found = {}
    for name, (median, faster) in {**EQUAL, **FASTER}.items():
        found[name] = {}
        for configs in (2, 6):
            for seeds in SEEDS[:-1]:
                rng = generator("time", name, configs, seeds)
                values = scores(rng, tables, [median / faster] + [median] * (configs - 1), seeds)
                found[name][f"{configs} {seeds}"] = {
                    rule_name: (
                        rule(values).any_told if faster == 1 else rule(values).told[:, 1:].mean()
                    )
                    for rule_name, rule in RULES.items()
                }
    return found


def scores(rng: np.random.Generator, tables: int, medians: Sequence[float], seeds: int) -> Array:
    """Return minus the logarithm of updates to solve, twice the budget for unsolved runs."""
    own = normal(rng, tables, len(medians), seeds)
    shared = normal(rng, tables, 1, seeds)
    logs = SPREAD * (np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own)
    updates = np.array(medians)[:, np.newaxis] * np.exp(logs)
    seen = np.ceil(updates / EVERY) * EVERY
    return -np.log(np.where(seen <= BUDGET, seen, 2 * BUDGET))


def diverging(tables: int) -> Found:
    """Return what becomes of a configuration whose runs diverge, filled in or dropped."""
    found: Found = {}
    for seeds in SEEDS[:-1]:
        rng = generator("diverged", seeds)
        drawn = normal(rng, tables, 6, seeds)
        lost = rng.random(drawn.shape) < 0.4
        lost[:, 1:] = False
        any_lost = rng.random(drawn.shape) < 0.3
        found[str(seeds)] = {
            way: {"one": _fate(ended(drawn, lost)), "all": _claims(ended(drawn, any_lost))}
            for way, ended in (("filled in", filled), ("dropped", dropped))
        }
    return found


def filled(values: Array, lost: NDArray[np.bool_]) -> Array:
    """Return values with the worse of the baseline and the table's worst where runs diverged."""
    worst = np.where(lost, np.inf, values).min((1, 2), keepdims=True)
    return np.where(lost, np.minimum(worst, FLOOR), values)


def dropped(values: Array, lost: NDArray[np.bool_]) -> Array:
    return np.where(lost, np.nan, values)


def _fate(values: Array) -> dict[str, list[float]]:
    """Return shares of tables in which the first one is called best, and told to be worse."""
    verdicts = {name: rule(values) for name, rule in RULES.items()}
    return {
        name: [float((said.best == 0).mean()), float(said.told[:, 0].mean())]
        for name, said in verdicts.items()
    }


def _claims(values: Array) -> dict[str, float]:
    return {name: rule(values).any_told for name, rule in RULES.items()}


def lines(found: Found, tables: int) -> Iterator[str]:
    """Yield what is told where one is best, and the price that one erratic configuration has."""
    yield (
        f"\nOne configuration leads all others by 1/2/4 standard deviations of a run: % of the "
        f"others that are told, and in brackets the mean size of the top group; {tables:,} tables "
        "each. With six or more the earlier rule tells more, also where nothing is true (above).\n"
    )
    yield head("configurations", "seeds", *SIDES, "truly best in the top")
    for configs in CONFIGS:
        for seeds in SEEDS:
            rows = [found["one best"][f"{configs} {seeds} {lead}"] for lead in LEADS]
            cells = [_shares([row[rule] for row in rows]) for rule in RULES]
            kept = min(row["rank"][1] for row in rows)
            yield table_row(configs, seeds, *cells, f"{100 * kept:.1f} %")
    yield (
        "\nSix configurations: A 1.00 +- 0.01, B 0.95 +- 0.01, two of 0.8 +- 0.15, two of 0.5 +- "
        "0.02 (mean +- standard deviation of a run). % of tables in which B/the erratic two/the "
        "low two are told.\n"
    )
    yield head("seeds", *SIDES)
    for seeds, rates in found["erratic"].items():
        cells = [percents(rates[rule][place] for place in (1, 2, 4)) for rule in RULES]
        yield table_row(seeds, *cells)


def _shares(rows: Sequence[Sequence[float]]) -> str:
    told = percents(row[0] for row in rows)
    return f"{told} ({'/'.join(f'{row[2]:.1f}' for row in rows)})"


def lines_of_runs(found: Found, tables: int) -> Iterator[str]:
    """Yield the tables for updates to solve and for diverged runs."""
    yield (
        f"\nUpdates to solve: the score is the logarithm, with twice the budget ({BUDGET:,}) for "
        f"an unsolved run; spread of the logarithm {SPREAD}, correlation within a seed {SHARED}, "
        f"an evaluation every {EVERY} updates. Where all are equal: % of {tables:,} tables with a "
        "false claim; else % of the slower ones told. With 3/5/10 seeds, in brackets by the "
        "earlier rule.\n"
    )
    yield head("truth", "2 configurations", "6 configurations")
    for name, by_size in found["times"].items():
        cells = []
        for configs in (2, 6):
            rates = [by_size[f"{configs} {seeds}"] for seeds in SEEDS[:-1]]
            new, old = (percents(rate[rule] for rate in rates) for rule in RULES)
            cells.append(f"{new} ({old})")
        yield table_row(name, *cells)
    yield (
        "\nSix equally good configurations. One of them diverges in 40 % of its runs: % of tables "
        "in which it is called best and in which it is told to be worse. All diverge in 30 % of "
        "their runs: % of tables with a false claim. In brackets by the earlier rule.\n"
    )
    yield head("diverged runs", "seeds", "called best", "told", "all diverge: false claims")
    for way in ("filled in", "dropped"):
        for seeds, ways in found["diverging"].items():
            one, every = ways[way]["one"], ways[way]["all"]
            cells = [
                f"{100 * one['rank'][place]:.0f} ({100 * one['each interval'][place]:.0f})"
                for place in (0, 1)
            ]
            cells.append(f"{100 * every['rank']:.1f} ({100 * every['each interval']:.0f})")
            yield table_row(way, seeds, *cells)
