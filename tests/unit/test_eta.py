import pytest

from bptt.api.eta import RunWork, seconds_left
from bptt.api.pace import START
from bptt.store.plan import REFERENCE_SPEED


def work(seconds):
    """Return the work of so many seconds of the model's."""
    return seconds * REFERENCE_SPEED


def test_what_waits_is_shared_by_the_slots():
    assert seconds_left(60.0, 6, [], pace=1.0, slots=3) == pytest.approx(20.0)


def test_last_round_of_equal_runs_may_be_a_lonely_one():
    assert seconds_left(40.0, 4, [], pace=1.0, slots=3) == pytest.approx(20.0)


def test_what_is_underway_counts_with_what_it_lacks():
    underway = [RunWork(work=work(50.0), step=30, steps=100, step_seconds=0.5)]

    assert seconds_left(0.0, 0, underway, pace=1.0, slots=1) == pytest.approx(35.0)


def test_few_updates_of_a_run_do_not_decide_how_long_it_takes():
    # the first update took a second, and the model has a millisecond for it
    underway = [RunWork(work=work(10.0), step=1, steps=10_000, step_seconds=1.0)]

    left = seconds_left(0.0, 0, underway, pace=1.0, slots=1)

    assert left is not None
    assert 10.0 < left < 50.0


def test_longest_run_underway_is_waited_for_however_many_slots_there_are():
    underway = [
        RunWork(work=work(100.0), step=0, steps=100, step_seconds=None),
        RunWork(work=work(100.0), step=90, steps=100, step_seconds=1.0),
    ]

    assert seconds_left(10.0, 10, underway, 1.0, slots=64) == pytest.approx(100.0 + START)


def test_run_without_an_update_yet_takes_what_the_pace_says():
    underway = [RunWork(work=work(5.0), step=0, steps=100, step_seconds=None)]

    assert seconds_left(0.0, 0, underway, pace=2.0, slots=1) == pytest.approx(10.0 + START)


def test_there_is_no_estimate_without_a_slot():
    assert seconds_left(10.0, 1, [], pace=1.0, slots=0) is None


def test_nothing_left_takes_no_time():
    assert seconds_left(0.0, 0, [], pace=1.0, slots=1) == 0.0


def test_run_that_is_beyond_its_last_step_takes_no_negative_time():
    underway = [RunWork(work=work(1.0), step=120, steps=100, step_seconds=1.0)]

    assert seconds_left(0.0, 0, underway, 1.0, slots=1) == 0.0
