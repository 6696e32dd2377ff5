"""Pictures of a grid wait while all processors train; figures do not."""

import os
import time

import pytest

from bptt import store
from bptt.records.ownership import Failure
from bptt.shipping import grids
from bptt.shipping.queue import QueueRounds
from bptt.tracking.client import connect
from tests.integration.tracking.queued_grid import WORKER

pytestmark = pytest.mark.parametrize("queue", ["sqlite"], indirect=True)


@pytest.fixture
def one_processor(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)


def has_pictures(queue, grid_id):
    parent = queue.parent(grid_id).info.run_id
    return "pictures" in [file.path for file in connect(queue.target).list_artifacts(parent)]


def one_ended_beside_one_that_trains(queue):
    grid_id = queue.submit()
    queue.succeed(4)
    queue.submit("task.length=9", name="other")
    run, _ = queue.begin()
    return grid_id, run, QueueRounds(queue.settings, queue.database, WORKER)


def test_pictures_are_drawn_as_soon_as_a_processor_is_free(queue, one_processor):
    grid_id, run, shipping = one_ended_beside_one_that_trains(queue)

    assert shipping.go() == ""

    assert store.unshipped(queue.database, limit=9) == []
    assert "4 succeeded" in queue.note(grid_id)
    assert not has_pictures(queue, grid_id)
    assert shipping.grids.has_to_draw
    assert shipping.go() == ""
    assert not has_pictures(queue, grid_id)
    store.fail(queue.database, run.run_id, run.attempt, Failure("plugin_error", "no"), 1)
    began = time.monotonic()
    shipping.rest(60)
    assert time.monotonic() - began < 30
    assert shipping.go() == ""
    assert has_pictures(queue, grid_id)
    assert not shipping.grids.has_to_draw


def test_another_process_draws_what_one_that_died_had_left_for_later(queue, one_processor):
    grid_id, run, shipping = one_ended_beside_one_that_trains(queue)
    shipping.go()
    store.fail(queue.database, run.run_id, run.attempt, Failure("plugin_error", "no"), 1)

    queue.ship()

    assert has_pictures(queue, grid_id)


def test_pictures_do_not_wait_for_ever(queue, one_processor, monkeypatch):
    grid_id, _, shipping = one_ended_beside_one_that_trains(queue)
    shipping.go()
    assert not has_pictures(queue, grid_id)
    monkeypatch.setattr(grids, "DRAWN_WITHIN", 0.0)

    shipping.go()

    assert has_pictures(queue, grid_id)


def test_a_rest_is_a_rest_while_every_processor_trains(queue, one_processor):
    _, _, shipping = one_ended_beside_one_that_trains(queue)
    shipping.go()
    began = time.monotonic()

    shipping.rest(1)

    assert time.monotonic() - began >= 1


def test_who_looks_at_a_grid_has_it_drawn(queue, one_processor):
    grid_id, _, shipping = one_ended_beside_one_that_trains(queue)
    shipping.go()
    assert not has_pictures(queue, grid_id)

    QueueRounds(queue.settings, queue.database, "").grids.draw(grid_id)

    assert has_pictures(queue, grid_id)


def test_nothing_is_drawn_before_mlflow_has_every_run(queue, monkeypatch):
    grid_id = queue.submit()
    queue.succeed(3)
    shipping = QueueRounds(queue.settings, queue.database, WORKER)
    looked = shipping.outbox.next

    def next_then_end():
        found = looked()
        # the last run of the grid ends while these are sent
        queue.succeed(1)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(shipping.outbox, "next", next_then_end)
        shipping.go()

    assert not has_pictures(queue, grid_id)
    shipping.go()
    assert has_pictures(queue, grid_id)
