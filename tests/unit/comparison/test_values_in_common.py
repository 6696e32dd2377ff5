"""Where other axes are averaged over, runs with values that not all have count nowhere."""

from dataclasses import replace

from bptt.comparison.judged import judged
from bptt.comparison.table import compare
from tests.unit.comparison.points import point

SEEDS = range(5)
LR = "optimizer.lr"


def cells(cell, lr, value, outcome="finished"):
    return [point(cell, seed, value + 0.001 * seed, outcome, **{LR: lr}) for seed in SEEDS]


GRU = cells("gru", 0.01, 0.7)
LSTM = cells("lstm", 0.01, 0.6)
ELSEWHERE = cells("lstm", 0.1, 0.99, "solved")


def failing(points):
    failure = {"cause": "plugin_error", "message": "no"}
    return [replace(one, status="failed", result=None, failure=failure) for one in points]


def test_runs_with_a_value_that_not_all_have_are_in_no_figure_and_no_picture():
    held = GRU + LSTM + ELSEWHERE

    (found,) = compare(held, by=["cell"])
    (alone,) = compare(GRU + LSTM, by=["cell"])

    assert found.notes[0].startswith(
        "Only lr=0.01 counts: the one value that all configurations have. 5 runs with others are"
    )
    assert found.groups == alone.groups
    assert (found.points, found.ended, found.best_run) == (10, 10, alone.best_run)
    assert found.verdict == alone.verdict
    assert judged(held, by=["cell"]).points == judged(GRU + LSTM, by=["cell"]).points


def test_a_value_with_which_all_runs_of_one_failed_counts_for_nobody():
    others = [*cells("gru", 0.1, 0.9), *ELSEWHERE, *cells("lstm", 1.0, 0.9)]
    held = GRU + LSTM + others + failing(cells("gru", 1.0, 0.9))

    (found,) = compare(held, by=["cell"])

    assert found.notes[0].startswith("Only lr=0.01 and lr=0.1 count:")
    assert "10 runs with others (5 of them without a result) are left out" in found.notes[0]
    assert [sum(one.counts.values()) for one in found.groups] == [10, 10]


def test_one_that_failed_in_half_of_its_runs_takes_no_value_from_the_others():
    held = GRU + LSTM + cells("gru", 0.1, 0.9) + ELSEWHERE
    held += cells("rnn", 0.01, 0.9) + failing(cells("rnn", 0.1, 0.9))

    (found,) = compare(held, by=["cell"])

    assert not any(note.startswith("Only lr") for note in found.notes)
    assert found.points == len(held)


def test_seeds_that_were_never_run_with_one_of_the_values_are_in_no_figure():
    held = GRU + LSTM + cells("gru", 0.1, 0.8) + [one for one in ELSEWHERE if one.seed < 3]

    (found,) = compare(held, by=["cell"])

    assert found.notes[0].endswith("left out of all figures: 2 seeds of lstm.")
    counts = {one.config: sum(one.counts.values()) for one in found.groups}
    assert counts == {"gru": 10, "lstm": 6}


def test_without_a_value_that_all_have_nothing_is_left_out_and_a_line_says_why():
    (found,) = compare(GRU + ELSEWHERE, by=["cell"])

    assert found.notes[0] == "No value of optimizer.lr is one that all configurations have."
    assert found.points == 10
