import pytest

from bptt.api.eta import Underway, seconds_left


def test_waiting_work_is_shared_by_the_slots():
    assert seconds_left(600.0, [], seconds_per_flop=0.1, slots=3) == pytest.approx(20.0)


def test_what_is_underway_counts_with_what_it_lacks():
    underway = [Underway(work=100.0, step=30, steps=100, step_seconds=0.5)]

    assert seconds_left(0.0, underway, seconds_per_flop=None, slots=1) == pytest.approx(35.0)


def test_longest_run_underway_is_waited_for_however_many_slots_there_are():
    underway = [
        Underway(work=1.0, step=0, steps=100, step_seconds=1.0),
        Underway(work=1.0, step=90, steps=100, step_seconds=1.0),
    ]

    assert seconds_left(10.0, underway, seconds_per_flop=0.1, slots=64) == pytest.approx(100.0)


def test_run_without_an_update_yet_takes_what_others_took():
    underway = [Underway(work=50.0, step=0, steps=100, step_seconds=None)]

    assert seconds_left(50.0, underway, seconds_per_flop=0.2, slots=2) == pytest.approx(10.0)


def test_speed_of_what_is_underway_stands_in_for_that_of_ended_runs():
    underway = [Underway(work=10.0, step=50, steps=100, step_seconds=0.1)]

    # 10 s for 10 flop: 1 s each; 5 s are left of this one and 30 s of the others
    assert seconds_left(30.0, underway, seconds_per_flop=None, slots=1) == pytest.approx(35.0)


@pytest.mark.parametrize(
    ("waiting", "underway", "pace", "slots"),
    [
        (10.0, [], None, 2),
        (10.0, [Underway(10.0, 0, 100, None)], None, 2),
        (0.0, [Underway(10.0, 0, 100, None)], None, 2),
        (10.0, [], 0.1, 0),
    ],
    ids=["nothing measured", "nothing measured yet", "no update yet", "no slot"],
)
def test_there_is_no_estimate_without_a_speed_or_a_slot(waiting, underway, pace, slots):
    assert seconds_left(waiting, underway, pace, slots) is None


def test_nothing_left_takes_no_time_even_if_nothing_was_measured():
    assert seconds_left(0.0, [], None, slots=1) == 0.0


def test_run_that_is_beyond_its_last_step_takes_no_negative_time():
    underway = [Underway(work=1.0, step=120, steps=100, step_seconds=1.0)]

    assert seconds_left(0.0, underway, None, slots=1) == 0.0
