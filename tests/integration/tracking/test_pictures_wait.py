"""Pictures wait while all processors train, and no longer."""

import os
import time

import pytest

from bptt import store
from bptt.records.ownership import Failure
from bptt.shipping.queue import QueueRounds
from tests.integration.tracking.queued_grid import WORKER


@pytest.fixture
def one_processor(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)


@pytest.mark.parametrize("queue", ["sqlite"], indirect=True)
def test_pictures_are_drawn_as_soon_as_a_processor_is_free(queue, one_processor):
    queue.submit()
    (ended,) = queue.succeed(1)
    run, _ = queue.begin()
    shipping = QueueRounds(queue.settings, queue.database, WORKER)

    assert shipping.go() == ""

    waiting = [item.run_id for item in store.unshipped(queue.database, limit=9)]
    assert waiting == [ended]
    assert shipping.waiting
    assert not shipping.may_draw()
    store.fail(queue.database, run.run_id, run.attempt, Failure("plugin_error", "no"), 1)
    assert shipping.may_draw()
    began = time.monotonic()
    shipping.rest(60)
    assert time.monotonic() - began < 30
    assert shipping.go() == ""
    assert not shipping.waiting
    assert store.unshipped(queue.database, limit=9) == []


@pytest.mark.parametrize("queue", ["sqlite"], indirect=True)
def test_without_pictures_that_wait_a_rest_is_a_rest(queue, one_processor):
    queue.submit()
    queue.begin()
    shipping = QueueRounds(queue.settings, queue.database, WORKER)
    shipping.go()
    began = time.monotonic()

    shipping.rest(1)

    assert not shipping.waiting
    assert time.monotonic() - began >= 1
