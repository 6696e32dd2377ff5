"""Leases that nobody renews are found by a clock that nobody sets."""

import pytest

from bptt import host
from bptt.records.ownership import Lease
from bptt.worker.unrenewed import Unrenewed

ONE, TWO = Lease("g-0", 1, "w1", 9000.0), Lease("g-1", 1, "w2", 9000.0)


@pytest.fixture
def look(monkeypatch):
    """Return a function that looks every 2 s until so many are over; it returns the last answer."""
    now = [100.0]
    monkeypatch.setattr(host, "steady", lambda: now[0])
    watch = Unrenewed(lease_seconds=10, stall=6)

    def looking(leases, seconds, every=2.0):
        end = now[0] + seconds
        while now[0] < end:
            now[0] += every
            found = watch.look(leases)
        return found

    return looking


def test_a_lease_that_stays_the_same_for_a_whole_lease_is_over(look):
    assert look([ONE], 12) == []
    assert look([ONE, TWO], 2) == [ONE]


def test_a_lease_that_is_renewed_begins_anew(look):
    assert look([ONE], 8) == []
    assert look([ONE._replace(lease_expires_at=9015.0)], 10) == []


def test_time_in_which_nobody_could_look_does_not_count(look):
    assert look([ONE], 8) == []
    # the database was away, or this machine slept
    assert look([ONE], 60, every=60) == []
    assert look([ONE], 10) == []
    assert look([ONE], 2) == [ONE]
