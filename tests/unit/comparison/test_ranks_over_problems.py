"""Ranks over several problems: a run without a value is a hole, and takes nobody's place."""

from dataclasses import replace

import pytest

from bptt.comparison.table import compare
from tests.unit.comparison.points import point

LENGTHS = (20, 50)
SEEDS = range(5)


def lengths(cell, values, seeds=SEEDS):
    """Return a cell's points: the same value in both problems, for each seed."""
    return [
        point(cell, seed, values[seed], **{"task.length": length})
        for length in LENGTHS
        for seed in seeds
    ]


def failing(points, *, where=lambda one: True):
    """Return points of which some have failed."""
    failure = {"cause": "plugin_error", "message": "no"}
    return [
        replace(one, status="failed", result=None, failure=failure) if where(one) else one
        for one in points
    ]


def ranks(points):
    """Return the mean rank of each configuration over all problems, and the table."""
    *_, over = compare(points)
    return {one.config: one.value and one.value.estimate for one in over.groups}, over


GRU = [0.9, 0.8, 0.9, 0.8, 0.9]
LSTM = [0.8, 0.9, 0.8, 0.7, 0.8]


def test_configurations_that_failed_take_no_place_of_those_that_did_not():
    two = lengths("gru", GRU) + lengths("lstm", LSTM)
    failed = [one for cell in ("rnn", "mgu") for one in failing(lengths(cell, GRU))]

    found, over = ranks(two + failed)

    assert found == {"gru": 1.2, "lstm": 1.8, "rnn": None, "mgu": None}
    assert over.groups[1].lead.estimate == pytest.approx(0.6)
    assert over.groups[1].lead.high == 1
    assert "1 the best of 2;" in over.notes[0]
    assert over.notes[1].startswith("Not ranked: rnn and mgu:")
    alone, without = ranks(two)
    assert {name: found[name] for name in alone} == alone
    assert over.groups[1].lead == without.groups[1].lead
    assert not any(note.startswith("Not ranked") for note in without.notes)


def test_one_that_most_of_whose_runs_failed_in_one_problem_takes_no_place_in_any():
    two = lengths("gru", GRU) + lengths("lstm", LSTM)
    third = failing(
        lengths("rnn", [0.99] * 5), where=lambda p: p.values["task.length"] == 50 and p.seed > 1
    )

    found, over = ranks(two + third)

    assert found == {"gru": 1.2, "lstm": 1.8, "rnn": None}
    assert "1 the best of 2;" in over.notes[0]


def test_a_seed_that_lacks_a_run_ranks_the_others_as_if_it_were_in_their_midst():
    best = failing(
        lengths("rnn", [0.99] * 5), where=lambda p: p.values["task.length"] == 50 and p.seed == 4
    )

    found, over = ranks(lengths("gru", GRU) + lengths("lstm", LSTM) + best)

    # of three 2, 3, 2, 2, and of two the first: 1 of 2 is 4/3 of 3
    assert found["gru"] == pytest.approx((2 + 3 + 2 + 2 + 4 / 3) / 5)
    assert found["lstm"] == pytest.approx((3 + 2 + 3 + 3 + 8 / 3) / 5)
    assert found["rnn"] == 1
    assert [one.value.n for one in over.groups] == [4, 5, 5]


def test_one_that_is_alone_in_a_seed_is_not_the_best_of_it():
    few = lengths("lstm", LSTM, seeds=range(4))

    found, _ = ranks(lengths("gru", GRU) + few)

    assert found["gru"] == pytest.approx((1 + 2 + 1 + 1 + 1.5) / 5)


def test_a_configuration_that_one_problem_lacks_takes_no_place_in_the_other():
    short = [one for one in lengths("rnn", [0.99] * 5) if one.values["task.length"] == 20]

    found, over = ranks(lengths("gru", GRU) + lengths("lstm", LSTM) + short)

    assert found == {"gru": 1.2, "lstm": 1.8}
    assert "1 the best of 2;" in over.notes[0]


def test_one_that_diverged_is_ranked_and_is_the_last_of_its_seed():
    diverged = [
        point("rnn", seed, 0.99, "diverged", **{"task.length": length})
        for length in LENGTHS
        for seed in SEEDS
    ]

    found, over = ranks(lengths("gru", GRU) + lengths("lstm", LSTM) + diverged)

    assert found == {"gru": 1.2, "lstm": 1.8, "rnn": 3}
    assert "1 the best of 3;" in over.notes[0]


def test_seeds_that_no_run_has_in_every_problem_rank_nobody():
    held = [
        one
        for cell, values in (("gru", GRU), ("lstm", LSTM))
        for one in lengths(cell, values)
        if (one.values["task.length"] == 20) == (one.seed < 2)
    ]

    found, over = ranks(held)

    assert set(found.values()) == {None}
    assert over.verdict.startswith("No configuration can be ranked")
