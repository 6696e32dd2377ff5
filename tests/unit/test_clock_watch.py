"""What a database's clock does beside the monotonic one."""

import pytest

from bptt import host
from bptt.worker.clock_watch import ClockWatch


@pytest.fixture
def elapsed(monkeypatch):
    """The monotonic clock, in a list of one."""
    now = [100.0]
    monkeypatch.setattr(host, "steady", lambda: now[0])
    return now


def test_clocks_that_go_alike_are_no_jump(elapsed):
    watch = ClockWatch(tolerance=1)

    assert watch.look(lambda: 5000.0) == 0
    elapsed[0] += 60
    assert watch.look(lambda: 5060.9) == 0
    assert watch.latest == pytest.approx(5061.9)


@pytest.mark.parametrize("jump", [7200.0, -7200.0, 2.0, -2.0])
def test_clock_that_was_set_is_seen_once(elapsed, jump):
    watch = ClockWatch(tolerance=1)
    watch.look(lambda: 5000.0)
    elapsed[0] += 2

    assert watch.look(lambda: 5002.0 + jump) == pytest.approx(jump)
    elapsed[0] += 2
    assert watch.look(lambda: 5004.0 + jump) == 0


def test_database_that_takes_its_time_to_answer_is_no_jump(elapsed):
    watch = ClockWatch(tolerance=1)
    watch.look(lambda: 5000.0)

    def slowly() -> float:
        # read at any moment of the 30 s
        elapsed[0] += 30
        return 5020.0

    assert watch.look(slowly) == 0
