"""How often a comparison is wrong, and what it sees, where not all have the same seeds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.cells import head, percents, table_row
from benchmarks.drawn_tables import (
    CHOSEN_ON,
    HELD_OUT,
    Array,
    Draw,
    best_extended,
    generator,
    normal,
    with_holes,
)
from benchmarks.false_claims import LIMIT, TRUTHS, error, misses
from benchmarks.part import Found, Part
from benchmarks.verdicts import by_ranking

CONFIGS = (3, 6, 20)
OF_INTERVALS = 6
"""Configurations of which intervals are checked, and what is told."""
OLD, MORE = 5, 5
"""Seeds that all have, and those that some get later."""
DIVERGED = -1e5
LEADS = (2, 4)


@dataclass(frozen=True)
class Plan:
    tables: int = 2000


def one_diverges(rng: np.random.Generator, tables: int, configs: int, seeds: int) -> Array:
    """Return normals of which the first configuration's are -100,000 in a third of its runs."""
    drawn = normal(rng, tables, configs, seeds)
    drawn[:, 0] = np.where(rng.random((tables, seeds)) < 1 / 3, DIVERGED, drawn[:, 0])
    return drawn


EQUAL: dict[str, Draw] = {
    **{name: CHOSEN_ON[name] for name in ("normal", "normal, seeds matter", "one 10 times wider")},
    **{name: CHOSEN_ON[name] for name in ("lognormal, lower is better", "solved by half")},
    "t with 3 df": HELD_OUT["t with 3 df"],
    "one diverges, the others equal": one_diverges,
}
"""Families in which nobody but the first is worse than another, and no other is told rightly."""


def some_missing(values: Array, rng: np.random.Generator) -> Array:
    return with_holes(values, rng, 0.2)


def half_missing(values: Array, rng: np.random.Generator) -> Array:
    return with_holes(values, rng, 0.5)


def disjoint_in_part(values: Array, rng: np.random.Generator) -> Array:
    """Return tables of which one half of the configurations has the first seeds, one the last.

    All seeds but three are of one half alone.
    """
    configs, seeds = values.shape[1:]
    place, each = np.arange(seeds), (seeds + 3) // 2
    first = (np.arange(configs) < configs // 2)[:, np.newaxis]
    return np.where(np.where(first, place < each, place >= seeds - each), values, np.nan)


def staggered(values: Array, rng: np.random.Generator) -> Array:
    """Return tables in which each configuration begins a seed later than the one before."""
    configs, seeds = values.shape[1:]
    begin = (np.arange(configs) % (seeds - OLD + 1))[:, np.newaxis]
    place = np.arange(seeds)
    return np.where((place >= begin) & (place < begin + OLD), values, np.nan)


def three_extended(values: Array, rng: np.random.Generator) -> Array:
    return best_extended(values, OLD, 3)


def tuned_then_extended(values: Array, rng: np.random.Generator) -> Array:
    """Return tables in which the best of each three configurations by the old seeds has all."""
    tables, configs, seeds = values.shape
    means = values[..., :OLD].mean(-1)
    kept = np.zeros((tables, configs), dtype=bool)
    for begin in range(0, configs, 3):
        best = begin + means[:, begin : begin + 3].argmax(1)
        kept[np.arange(tables), best] = True
    return np.where(kept[..., np.newaxis] | (np.arange(seeds) < OLD), values, np.nan)


PATTERNS: dict[str, tuple[int, Callable[[Array, np.random.Generator], Array]]] = {
    "20 % of 6 missing": (6, some_missing),
    "half of 12 missing": (12, half_missing),
    "two halves, 8 seeds each, 3 common": (13, disjoint_in_part),
    "two halves, 5 seeds each, 3 common": (7, disjoint_in_part),
    "staggered, 5 of 9": (9, staggered),
    "best three extended": (OLD + MORE, three_extended),
    "tuned, then extended": (OLD + MORE, tuned_then_extended),
}
"""Seeds in all, and what hides some of them."""


def measure(plan: Plan) -> Found:
    """Return shares of tables with a false claim or an interval that misses, and what is told."""
    return {
        "claims": {family: _claims(family, plan.tables) for family in EQUAL},
        "misses": {pattern: _misses(pattern, plan.tables) for pattern in PATTERNS},
        "told": {pattern: _told(pattern, plan.tables) for pattern in PATTERNS},
    }


def _claims(family: str, tables: int) -> Found:
    found: Found = {}
    for pattern, (seeds, hide) in PATTERNS.items():
        found[pattern] = {}
        for configs in CONFIGS:
            rng = generator("unequal", family, pattern, configs)
            told = by_ranking(hide(EQUAL[family](rng, tables, configs, seeds), rng)).told
            # one that diverges is worse, and nobody is worse than it
            false = told[:, 1:] if EQUAL[family] is one_diverges else told
            found[pattern][str(configs)] = float(false.any(1).mean())
    return found


def _misses(pattern: str, tables: int) -> Found:
    seeds, hide = PATTERNS[pattern]
    found: Found = {}
    for truth, means in TRUTHS.items():
        rng = generator("unequal", pattern, truth)
        behind = means(np.arange(OF_INTERVALS, dtype=float))
        drawn = hide(normal(rng, tables, OF_INTERVALS, seeds) - behind[:, np.newaxis], rng)
        found[truth] = float(np.mean([misses(one, behind) for one in drawn]))
    return found


def _told(pattern: str, tables: int) -> list[float]:
    """Return shares of the others told where the first leads all of them."""
    seeds, hide = PATTERNS[pattern]
    found = []
    for lead in LEADS:
        rng = generator("unequal", pattern, "told")
        drawn = normal(rng, tables, OF_INTERVALS, seeds)
        drawn[:, 0] += lead
        found.append(float(by_ranking(hide(drawn, rng)).told[:, 1:].mean()))
    return found


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the tables."""
    yield "## Not the same seeds\n"
    yield (
        f"% of {plan.tables:,} tables of equally good configurations in which somebody is said to "
        f"be worse, with {'/'.join(map(str, CONFIGS))} configurations, where these have different "
        "seeds: values missing at random; two halves of the configurations with three seeds in "
        "common; each configuration a seed later than the one before; five more seeds for the best "
        "three, or for the best of each three, by their first five. Where one diverges, its runs "
        "are -100,000 in a third of the seeds, and claims about it are not counted. [Inference]"
        "(inference.md#not-the-same-seeds) says what follows.\n"
    )
    yield head("family", *PATTERNS)
    for family, by_pattern in found["claims"].items():
        cells = [percents(by_pattern[pattern].values(), 1) for pattern in PATTERNS]
        yield table_row(family, *cells)
    share, family, pattern, configs = max(
        (share, family, pattern, configs)
        for family, by_pattern in found["claims"].items()
        for pattern, shares in by_pattern.items()
        for configs, share in shares.items()
    )
    yield (
        f"\nThe largest is {100 * share:.1f} % ({family}; {pattern}; {configs} configurations; "
        f"standard error {100 * error(share, plan.tables):.1f}); the limit is {100 * LIMIT:g} %.\n"
    )
    yield (
        f"For {OF_INTERVALS} configurations, normal: % of tables in which the "
        "interval of any lead misses the true difference, and % of the others told where the "
        f"first leads all by {'/'.join(map(str, LEADS))} standard deviations of a run.\n"
    )
    yield head("pattern", *(f"misses: {truth}" for truth in TRUTHS), "told")
    for pattern, shares in found["misses"].items():
        cells = [f"{100 * share:.1f}" for share in shares.values()]
        told = percents(found["told"][pattern])
        yield table_row(pattern, *cells, told)


PART = Part("unequal_seeds", "measurements", Plan(), measure, lines)
