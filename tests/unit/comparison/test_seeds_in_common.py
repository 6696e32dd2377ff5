"""Tables in which not all have the same seeds: own means, leads over common seeds, and words."""

import csv
import io

import numpy as np
import pytest

from bptt.cli.comparison_formats import as_csv, as_latex, as_markdown
from bptt.comparison import wording
from bptt.comparison.table import compare
from tests.unit.comparison.points import point, row


def at(cell, by_seed, **kwargs):
    return [point(cell, seed, value, **kwargs) for seed, value in by_seed.items()]


def lead_cells(comparison):
    column = wording.columns(comparison).index(wording.LEAD_COLUMN)
    return {group.config: wording.cells(comparison, group)[column] for group in comparison.groups}


def test_no_mean_is_one_that_its_runs_cannot_have_whatever_diverges_beside_it():
    rng = np.random.default_rng(1)
    held = {name: 0.1 + 0.01 * rng.standard_normal(8) for name in "abcd"}
    held["a"][3:6] = 1e5
    # each lacks other seeds, those that went wrong among them
    lacking = {"a": [0], "b": [3, 4], "c": [5, 6, 7], "d": [1, 2]}
    points = [
        one
        for name, values in held.items()
        for one in at(
            name,
            {seed: v for seed, v in enumerate(values) if seed not in lacking[name]},
            better="lower",
        )
    ]

    (comparison,) = compare(points)

    for group in comparison.groups:
        own = [v for seed, v in enumerate(held[group.config]) if seed not in lacking[group.config]]
        assert group.value.estimate == pytest.approx(np.mean(own))
        assert group.value.n == len(own)
        assert min(own) <= group.value.estimate <= max(own)
    best, *others = comparison.groups
    for group in others:
        both = [
            seed
            for seed in range(8)
            if seed not in lacking[group.config] and seed not in lacking[best.config]
        ]
        lead = np.mean([held[group.config][seed] - held[best.config][seed] for seed in both])
        assert group.lead.estimate == pytest.approx(lead)
        assert group.lead.n == len(both)


def test_a_lead_says_over_how_many_seeds_it_is_where_these_differ():
    points = row("a", [0.9, 0.92, 0.91, 0.93, 0.92, 0.94]) + row("b", [0.5, 0.52, 0.5, 0.55])

    (unequal,), (equal,) = compare(points), compare([one for one in points if one.seed < 4])

    assert lead_cells(unequal)["b"].endswith("] (n 4)")
    assert lead_cells(equal)["b"].endswith("]")
    assert not [note for note in equal.notes if note.startswith("Not the same seeds")]


def test_rows_that_share_too_few_seeds_with_the_best_say_so_wherever_the_table_goes():
    points = row("a", [0.9, 0.92, 0.91, 0.93, 0.92]) + row("b", [0.5, 0.52, 0.5, 0.55, 0.5])
    points += at("c", {3: 0.4, 4: 0.41, 5: 0.4, 6: 0.4}) + at("d", {5: 0.3, 6: 0.31, 7: 0.3})

    (comparison,) = compare(points)

    groups = {group.config: group for group in comparison.groups}
    assert {name: group.too_few for name, group in groups.items()} == {
        "a": "",
        "b": "",
        "c": "2 common seeds",
        "d": "no common seed",
    }
    assert (groups["c"].lead.low, groups["c"].lead.n, groups["d"].lead) == (None, 2, None)
    assert [groups[name].standing for name in "abcd"] == [
        "best so far",
        "worse",
        "may be best",
        "may be best",
    ]
    cells = lead_cells(comparison)
    assert (cells["c"], cells["d"]) == ("0.52 (2 common seeds: too few)", "no common seed")
    rows = csv.DictReader(io.StringIO(as_csv([comparison])))
    assert {one["configuration"]: one["lead without interval"] for one in rows} == {
        name: group.too_few for name, group in groups.items()
    }
    for text in (as_markdown([comparison]), as_latex([comparison])):
        assert "2 common seeds: too few" in text
        assert "no common seed" in text
    assert comparison.verdict.startswith("Preliminary (no common seed): nothing tells 3 of 4")
    assert comparison.verdict.endswith(":\nbptt extend GRID --set seeds=5")


def test_two_seeds_alike_for_all_have_a_lead_and_no_interval_of_it():
    (comparison,) = compare(row("a", [0.9, 0.8]) + row("b", [0.7, 0.75]))

    assert lead_cells(comparison)["b"] == "0.125 (2 common seeds: too few)"


def test_while_runs_come_in_too_few_common_seeds_are_no_news():
    coming = at("b", {0: 0.5, 1: 0.52})

    (comparison,) = compare([*row("a", [0.9, 0.92, 0.91]), *coming, live("b", 2)])

    assert lead_cells(comparison)["b"] == "0.4 (n 2)"


def live(cell, seed):
    from dataclasses import replace

    return replace(point(cell, seed, 0.0), status="running", result=None)


def test_where_somebody_is_ahead_of_the_first_on_common_seeds_nobody_is_the_best():
    good, bad = [0.9, 0.91, 0.92, 0.9, 0.9], [0.1, 0.12, 0.11, 0.1, 0.13]

    (comparison,) = compare(row("a", good) + row("b", bad) + row("c", [0.99]))

    assert [(group.config, group.standing) for group in comparison.groups] == [
        ("a", "may be best"),
        ("c", "may be best"),
        ("b", "worse"),
    ]
    assert lead_cells(comparison)["c"] == "-0.09 (1 common seed: too few)"
    assert "best so far" not in comparison.verdict
    (said,) = [note for note in comparison.notes if note.startswith("Not the same seeds")]
    assert said.endswith(
        "Nobody is best so far: leads are those of a, which the fewest are ahead of, but c is "
        "ahead of it on the seeds in common."
    )


def test_no_row_below_the_best_is_better_on_every_common_seed():
    for draw in range(60):
        rng = np.random.default_rng(draw)
        values = rng.standard_normal((5, 8)) + 2 * rng.standard_normal(8)
        values[rng.random(values.shape) < 0.35] = np.nan
        held = {
            name: {seed: v for seed, v in enumerate(one) if np.isfinite(v)}
            for name, one in zip("abcde", values, strict=True)
        }

        (comparison,) = compare([p for name, one in held.items() for p in at(name, one)])

        first, *others = comparison.groups
        for group in others:
            both = held[first.config].keys() & held[group.config].keys()
            ahead = [held[group.config][s] > held[first.config][s] for s in both]
            if first.standing == "best so far" and both:
                assert not all(ahead)
                assert group.lead.estimate >= 0
