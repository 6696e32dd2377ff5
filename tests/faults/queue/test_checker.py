"""The checker must see what it is there for: histories that are wrong in one way each."""

import pytest

from tests.faults.queue.checker import Event, check
from tests.faults.queue.witness import Update


def witnessed(*updates):
    return {"g-0": [Update(*update) for update in updates]}


CALM = witnessed((1.0, 1, 7, 1), (1.1, 1, 7, 2), (1.2, 1, 7, 3))


def history(*events):
    return [Event(at, "g-0", attempt, kind) for at, attempt, kind in events]


DONE = history((0.5, 1, "running"), (1.5, 1, "succeeded"))


def test_undisturbed_run_has_nothing_wrong():
    verdict = check({"g-0": 3}, CALM, DONE)

    assert verdict.wrong() == {}
    assert (verdict.overlaps, verdict.repeated, verdict.updates, verdict.attempts) == ([], 0, 3, 1)


def test_run_resumed_after_a_crash_repeats_what_was_not_saved():
    seen = witnessed((1.0, 1, 7, 1), (1.1, 1, 7, 2), (3.0, 2, 8, 2), (3.1, 2, 8, 3))
    events = history(
        (0.5, 1, "running"), (2.0, 1, "queued"), (2.5, 2, "running"), (4.0, 2, "succeeded")
    )

    verdict = check({"g-0": 3}, seen, events)

    assert verdict.wrong() == {}
    assert (verdict.repeated, verdict.attempts, verdict.overlaps) == (1, 2, [])


@pytest.mark.parametrize(
    ("fault", "events"),
    [
        ("lost", history((0.5, 1, "running"))),
        ("lost", []),
        ("doubled", [*DONE, *history((1.6, 1, "succeeded"))]),
        ("failed", history((0.5, 1, "running"), (1.5, 1, "failed"))),
        ("out_of_order", history((0.5, 1, "running"), (0.6, 1, "running"), (1.5, 1, "succeeded"))),
        ("out_of_order", history((0.5, 2, "running"), (1.5, 2, "succeeded"))),
    ],
)
def test_wrong_events_are_seen(fault, events):
    verdict = check({"g-0": 3}, CALM, events)

    assert fault in verdict.wrong()


def test_success_without_all_updates_is_a_lost_run():
    verdict = check({"g-0": 4}, CALM, DONE)

    assert verdict.wrong() == {"lost": ["g-0: succeeded without updates [4]"]}


def test_cancelled_run_that_succeeds_all_the_same_is_seen():
    verdict = check({"g-0": 3}, CALM, DONE, cancelled=["g-0"])

    assert verdict.wrong() == {"not_cancelled": ["g-0"]}


def test_update_of_an_earlier_attempt_is_an_overlap():
    seen = witnessed((1.0, 1, 7, 1), (1.1, 2, 8, 1), (1.15, 1, 7, 2), (1.2, 2, 8, 2))

    verdict = check({"g-0": 2}, seen, DONE)

    assert verdict.overlaps == ["g-0: attempt 1 made update 2"]


def test_runs_at_one_moment_are_counted():
    events = [
        Event(at, run, 1, kind)
        for at, run, kind in [
            (1.0, "a", "running"),
            (2.0, "b", "running"),
            (3.0, "a", "succeeded"),
            (3.0, "c", "running"),
            (4.0, "b", "queued"),
            (5.0, "c", "succeeded"),
        ]
    ]

    assert check({"a": 0, "b": 0, "c": 0}, {}, events).most_running == 2
