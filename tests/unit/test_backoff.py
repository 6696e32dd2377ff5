"""How long to wait after failures in a row."""

from bptt.backoff import STEADY, Backoff


def test_waits_double_up_to_the_longest_and_begin_anew_after_a_success():
    backoff = Backoff(0.5, 3.0)

    waits = [backoff.fail() for _ in range(5)]
    backoff.reset()

    assert waits == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff.wait == 0.0
    assert backoff.fail() == 0.5


def test_a_wait_is_asked_for_as_often_as_one_likes():
    backoff = Backoff(2.0, 60.0)

    backoff.fail()
    backoff.fail()

    assert [backoff.wait, backoff.wait, backoff.failures] == [4.0, 4.0, 2]


def test_what_fails_for_days_is_tried_again_after_the_longest_wait():
    backoff = Backoff(2.0, 60.0)
    backoff.failures = 100_000

    assert backoff.fail() == 60.0


def test_an_end_after_a_long_life_counts_as_the_first():
    backoff = Backoff(1.0, 30.0)

    waits = [backoff.end(lasted) for lasted in (0.1, 0.1, 59.0, STEADY + 1, 0.1)]

    assert waits == [1.0, 2.0, 4.0, 1.0, 2.0]
