"""What looking at a comparison more than once does to its rate of false claims, and choosing."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.cells import head, percents, table_row
from benchmarks.drawn_tables import CHOSEN_ON, Array, generator
from benchmarks.part import Found, Part
from bptt.comparison.ranking import SEEDS_TO_TELL, SEEDS_TO_TRUST, Ranking, rank, seeds_to_tell
from bptt.comparison.tuning import tune

FAMILIES = ("normal", "one 10 times wider", "lognormal, lower is better", "solved by half")
CONFIGS = (2, 6, 20)
SEEDS = (5, 10, 20)
FIRST, LONGEST = 5, 60
"""Seeds before anybody extends, and those beyond which nobody does."""
EXTENSIONS = 3
CHOICES = 6
TUNED, OLD, FRESH = (2, 6), (3, 5, 10), 5
"""Configurations that are tuned, seeds that choose, and fresh ones that judge."""
MEANS = {"normal": 0.0, "lognormal, lower is better": -math.exp(0.5), "solved by half": 0.5}
"""True means of families of which choices are drawn."""


@dataclass(frozen=True)
class Plan:
    tables: int = 1000


def at_the_end(values: Array) -> bool:
    """Say whether a table claims anything when all of its runs have ended."""
    return bool(rank(values).below)


def at_every_seed(values: Array) -> bool:
    """Say whether it would at any of the looks that its seeds allow, one after the other."""
    looks = range(SEEDS_TO_TELL, len(values.T) + 1)
    return any(at_the_end(values[:, :seeds]) for seeds in looks)


LOOKS: dict[str, Callable[[Array], bool]] = {"end": at_the_end, "every": at_every_seed}


def measure(plan: Plan) -> Found:
    """Return shares of tables of equals in which something is claimed."""
    return {
        "looks": {family: _looks(family, plan.tables) for family in FAMILIES},
        "extended": {family: _extended(family, plan.tables) for family in FAMILIES},
        "fresh": {family: _fresh(family, plan.tables) for family in MEANS},
    }


def _drawn(family: str, tables: int, configs: int, seeds: int) -> Array:
    rng = generator("looks", family, configs, seeds)
    return CHOSEN_ON[family](rng, tables, configs, seeds)


def _looks(family: str, tables: int) -> Found:
    found: Found = {}
    for configs in CONFIGS:
        for seeds in SEEDS:
            drawn = _drawn(family, tables, configs, seeds)
            found[f"{configs} {seeds}"] = {
                when: float(np.mean([says(one) for one in drawn])) for when, says in LOOKS.items()
            }
    return found


def _extended(family: str, tables: int) -> Found:
    """Return shares with a claim after 0, 1, ... extensions, each as the comparison advised."""
    found: Found = {}
    for configs in CONFIGS:
        took = np.array([_extensions(one) for one in _drawn(family, tables, configs, LONGEST)])
        found[str(configs)] = [float((took <= number).mean()) for number in range(EXTENSIONS + 1)]
    return found


def _extensions(values: Array) -> float:
    """Return after how many extensions a table makes a claim; infinity: it never does."""
    seeds = FIRST
    for number in range(EXTENSIONS + 1):
        found = rank(values[:, :seeds])
        if found.below:
            return number
        wanted = _advised(found, seeds)
        if wanted is None or wanted > len(values.T):
            break
        seeds = wanted
    return math.inf


def _advised(ranking: Ranking, seeds: int) -> int | None:
    """Return how many seeds the sentence below such a table asks for; None: no number helps."""
    needed = [
        seeds_to_tell(len(ranking.top), lead.lead, lead.spread) for lead in ranking.leads.values()
    ]
    known = [number for number in needed if number is not None]
    return max(min(known), seeds + 1, SEEDS_TO_TRUST) if known else None


def _fresh(family: str, tables: int) -> Found:
    """Return shares with a claim, and the bias, where choices are judged on fresh seeds."""
    found: Found = {}
    for configs in TUNED:
        for old in OLD:
            drawn = _drawn(family, tables, configs * CHOICES, old + FRESH)
            judged = np.array([_judged(one, configs, old) for one in drawn])
            found[f"{configs} {old}"] = {
                "claims": float(np.mean([at_the_end(one) for one in judged])),
                "bias": float((judged.mean() - MEANS[family]) / drawn.std()),
            }
    return found


def _judged(values: Array, configs: int, old: int) -> Array:
    """Return (configurations, fresh seeds) of what each has chosen by its old ones."""
    by_choice = values.reshape(configs, CHOICES, -1)
    return tune(by_choice, range(old), range(old, old + FRESH)).judged


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the tables."""
    error = 100 * math.sqrt(0.05 * 0.95 / plan.tables)
    yield "## Looking more than once\n"
    yield (
        f"% of {plan.tables:,} tables of equally good configurations in which somebody is said to "
        f"be worse (standard error of 5 %: {error:.1f}). Left of the bar when all runs have "
        "ended, as `bptt compare` does it; right of it at any of the looks after three seeds, "
        "four, and so on: what a verdict while runs come in would do. [Inference]"
        "(inference.md#looking-more-than-once) says what follows.\n"
    )
    names = [f"{configs} configurations" for configs in CONFIGS]
    yield head("family", "seeds", *names)
    for family, rates in found["looks"].items():
        for seeds in SEEDS:
            cells = [_both(rates[f"{configs} {seeds}"]) for configs in CONFIGS]
            yield table_row(family, seeds, *cells)
    yield (
        f"\nFrom {FIRST} seeds, each table extended to as many as the comparison advises while it "
        f"cannot tell, up to {LONGEST}: % with a claim after 0/1/2/3 "
        "extensions.\n"
    )
    yield head("family", *names)
    for family, by_configs in found["extended"].items():
        cells = [percents(by_configs[str(configs)], 1) for configs in CONFIGS]
        yield table_row(family, *cells)
    yield (
        f"\nEach configuration takes the best of {CHOICES} equally good values by {OLD[0]}/"
        f"{OLD[1]}/{OLD[2]} seeds and is judged on {FRESH} fresh ones (`bptt extend --tuned`): % "
        "of tables with a claim, and the bias of the judged mean in standard deviations of a "
        "run.\n"
    )
    yield head("family", "configurations", "false claims", "bias")
    for family, rates in found["fresh"].items():
        for configs in TUNED:
            cells = [rates[f"{configs} {old}"] for old in OLD]
            claims = percents((one["claims"] for one in cells), 1)
            biases = "/".join(f"{round(one['bias'], 2) + 0.0:+.2f}" for one in cells)
            yield table_row(family, configs, claims, biases)


def _both(rates: dict[str, float]) -> str:
    return f"{100 * rates['end']:.1f} \\| {100 * rates['every']:.0f}"


PART = Part("looks", "measurements", Plan(), measure, lines)
