"""Advice that one configuration drives, because its runs spread far wider than all others."""

import numpy as np
import pytest

from bptt.comparison.table import compare
from tests.unit.comparison.points import row

STEADY = [0.9, 0.91, 0.9, 0.92, 0.91]
NEAR = [0.895, 0.9, 0.905, 0.91, 0.9]
COIN = [1.0, 0.5, 1.0, 0.5, 1.0]


def times(*rows):
    """Return how many times as widely the last row spreads, around the medians of seeds."""
    values = np.array(rows)
    around = values - np.median(values, axis=0) if len(rows) > 2 else values
    *_, next_, widest = sorted(around.std(axis=1, ddof=1))
    return f"{widest / next_:.2g}"


def advice(*rows):
    (comparison,) = compare(
        [p for name, values in zip("abc", rows, strict=False) for p in row(name, values)]
    )
    return comparison


def test_advice_that_one_erratic_configuration_drives_names_it_and_says_what_others_need():
    (without,) = compare(row("a", STEADY) + row("b", NEAR))
    comparison = advice(STEADY, NEAR, COIN)

    said = (
        f"c drives the number of seeds: its runs spread {times(STEADY, NEAR, COIN)} times as "
        "widely as those of any other of these; without it about "
    )
    assert said in comparison.verdict
    alone = without.verdict.partition("About ")[2].partition(" ")[0]
    assert f"{said}{alone} would tell a from b. About " in comparison.verdict
    assert comparison.notes[0].endswith("are told four times in five; c widens that.")


def test_of_two_the_erratic_one_is_named_alone():
    comparison = advice(STEADY, COIN)

    assert (
        f"b drives the number of seeds: its runs spread {times(STEADY, COIN)} times as widely as "
        "those of any other of these. About "
    ) in comparison.verdict


def test_where_only_one_varies_at_all_it_is_named():
    comparison = advice([0.9] * 5, COIN)

    assert (
        "b drives the number of seeds: only its runs differ from the others of a seed"
        in comparison.verdict
    )


@pytest.mark.parametrize("wide", [[0.9, 0.93, 0.88, 0.92, 0.91], [0.5, 0.1, 0.5, 0.1, 0.2]])
def test_where_all_spread_alike_or_the_erratic_one_is_told_nobody_is_named(wide):
    comparison = advice(STEADY, NEAR, wide)

    assert "drives the number" not in comparison.verdict
    assert "widens" not in comparison.notes[0]


def test_what_a_seed_does_to_all_is_no_spread():
    seeds = np.array([0.0, 0.3, -0.2, 0.1, -0.3])
    steady, near = np.array(STEADY) + seeds, np.array(NEAR) + seeds

    # around their own means these two spread as widely as the third
    assert "c drives the number of seeds" in advice(steady, near, np.array(COIN)).verdict
