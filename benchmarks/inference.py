"""How often `bptt compare` is wrong, and how often it sees what is there, in drawn tables."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from benchmarks import false_claims, panels, power, tuned_tables
from benchmarks.part import Found, Part
from bptt.figures import style

SHARES = {2: 10_000, 6: 4_000, 20: 4_000, 40: 2_000, 100: 2_000}
"""Tables drawn in each case, by the number of configurations."""
OTHERS = 2_000
"""Tables drawn in each case with missing values, with a true difference, ..."""


@dataclass(frozen=True)
class Plan:
    percent: int = 100
    """Of the tables."""


def tables_of(plan: Plan) -> tuple[dict[int, int], int]:
    """Return how many tables are drawn: for false claims by number of configurations, and else."""
    by_configs = {configs: _share(count, plan) for configs, count in SHARES.items()}
    return by_configs, _share(OTHERS, plan)


def _share(count: int, plan: Plan) -> int:
    return max(1, count * plan.percent // 100)


def measure(plan: Plan) -> Found:
    """Return shares of drawn tables, all from fixed seeds."""
    by_configs, others = tables_of(plan)
    studies: dict[str, Callable[[], Any]] = {
        "claims": lambda: false_claims.claims(by_configs),
        "equals": lambda: false_claims.among_equals(others),
        "intervals": lambda: false_claims.intervals(others),
        "one best": lambda: power.one_best(others),
        "erratic": lambda: power.erratic(others),
        "times": lambda: power.times(others),
        "diverging": lambda: power.diverging(others),
        "biases": lambda: tuned_tables.biases(5 * others),
        "tuned": lambda: tuned_tables.claims(5 * others),
    }
    found = {}
    for name, study in studies.items():
        began = time.process_time()
        found[name] = study()
        print(f"{name}: {time.process_time() - began:.0f} s", flush=True)
    return found


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the tables."""
    by_configs, others = tables_of(plan)
    yield "## What a comparison claims\n"
    yield (
        "Tables of configurations and seeds drawn at random and given to the rule of `bptt "
        "compare`, and to the rule that it replaced: the paired 95 % t interval of each "
        "configuration's difference from the best. What the words mean and why the rule is as it "
        "is: [inference](inference.md).\n"
    )
    yield from false_claims.lines(found["claims"], by_configs)
    yield from false_claims.lines_of_equals(found["equals"])
    yield from false_claims.lines_of_intervals(found["intervals"], others)
    yield from power.lines(found, others)
    yield from power.lines_of_runs(found, others)
    yield from tuned_tables.lines(found, 5 * others)


SHOWN = ("normal", "one 10 times wider", "solved by half")
"""Families in the picture."""
DRAWN_SEEDS, DRAWN_LEAD = 5, 2


def picture(plan: Plan, found: Found) -> Figure:
    """Draw false claims over the number of configurations, and what is told over the seeds."""
    figure = style.new_figure(11.4, 4.4)
    left, right = figure.subplots(1, 2)
    names = {"rank": "bptt compare", "each interval": "earlier rule"}
    for colour, family in enumerate(SHOWN):
        for dash, (rule, name) in enumerate(names.items()):
            by_configs = found["claims"][family].values()
            shares = [[100 * rates[str(DRAWN_SEEDS)][rule]] for rates in by_configs]
            panels.line(left, tuple(SHARES), shares, f"{family}, {name}", colour, dash)
    left.axhline(5, color="0.4", linestyle=":")
    panels.logarithmic_across(left, tuple(SHARES))
    title = f"All equally good, {DRAWN_SEEDS} seeds: is any said to be worse?"
    panels.finish(left, title, "configurations", "% of tables")
    left.legend(fontsize=9, frameon=False)
    for colour, configs in enumerate(power.CONFIGS):
        for dash, (rule, name) in enumerate(names.items()):
            cells = (found["one best"][f"{configs} {n} {DRAWN_LEAD}"] for n in power.SEEDS)
            told = [[100 * cell[rule][0]] for cell in cells]
            label = f"{configs} configurations, {name}"
            panels.line(right, power.SEEDS, told, label, colour, dash)
    panels.logarithmic_across(right, power.SEEDS)
    title = f"One is better by {DRAWN_LEAD} standard deviations: is it seen?"
    panels.finish(right, title, "seeds", "% of the others told")
    right.legend(fontsize=9, frameon=False)
    return figure


PART = Part("inference", "measurements", Plan(), measure, lines, picture)
