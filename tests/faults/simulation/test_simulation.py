"""Stories told by a seed: crashes, freezes and lost answers anywhere; nothing may come of them."""

import os

import pytest
from sqlalchemy import text

from bptt import store
from bptt.store import clock
from tests.faults.queue.checker import Event, check
from tests.faults.queue.witness import Update
from tests.faults.simulation.world import STEPS, World
from tests.integration.store.conftest import (
    database_folder,
    empty_database,
    kept_databases,
    sqlite_template,
)
from tests.integration.store.queueing import put_grid

__all__ = ["database_folder", "empty_database", "kept_databases", "sqlite_template"]

SEEDS = 30
MORE = 20_000
TURNS = 400


@pytest.fixture
def virtual(monkeypatch, empty_database):
    """Return a factory of empty queues that go by a clock of ours."""
    monkeypatch.setitem(clock.NOW, "sqlite", "(SELECT value FROM virtual_clock)")

    def make():
        database = empty_database("sqlite")
        with database.write() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS virtual_clock (value REAL)"))
            connection.execute(text("DELETE FROM virtual_clock"))
            connection.execute(text("INSERT INTO virtual_clock VALUES (1e9)"))
        return database

    return make


def tell(database, seed, **world):
    """Play one story to its end and return it with what is wrong."""
    story = World(database, seed, **world)
    runs = put_grid(database, "calm", size=5, canary=seed % 2 == 0)
    runs += put_grid(database, "late", size=3, user="bob")
    for _ in range(2):
        story.start_worker()
    story.run(TURNS, [story.reaper(), story.user(runs)])
    # then nothing breaks any more, and everything held is released
    story.odds.crash = story.odds.freeze = story.odds.lost_before = story.odds.lost_after = 0
    for process in story.processes:
        process.frozen_until = 0
    others = [story.reaper()]
    for _ in range(60):
        release(database)
        story.run(TURNS // 4, others)
        if not unfinished(database):
            break
    verdict = judge(database, story, runs)
    story.close()
    return story, verdict


def release(database):
    with database.read() as connection:
        held = connection.execute(text("SELECT id FROM runs WHERE status = 'held'")).all()
        grids = connection.execute(text("SELECT id FROM grids WHERE held_reason IS NOT NULL")).all()
    for (run_id,) in held:
        store.release_run(database, run_id, "ada")
    for (grid_id,) in grids:
        store.release_grid(database, grid_id, "ada")


def unfinished(database):
    with database.read() as connection:
        live = "SELECT count(*) FROM runs WHERE status IN ('held', 'queued', 'running')"
        return connection.execute(text(live)).scalar_one()


def judge(database, story, runs):
    with database.read() as connection:
        rows = connection.execute(text("SELECT at, run_id, attempt, kind FROM events")).all()
    witnessed = {run_id: [] for run_id in runs}
    for at, run_id, attempt, step in story.witnessed:
        witnessed[run_id].append(Update(at, attempt, 0, step))
    events = [Event(*row) for row in rows]
    return check(dict.fromkeys(runs, STEPS), witnessed, events, story.cancelled)


def play(virtual, seeds):
    for seed in seeds:
        story, verdict = tell(virtual(), seed)
        # a run that dies three times in a row, or nine times with its worker, is the cause
        wrong = {name: found for name, found in verdict.wrong().items() if name != "failed"}
        told = "\n".join(story.story[-40:])
        assert not wrong, f"seed {seed}: {wrong}\n{told}"
        assert not verdict.overlaps, f"seed {seed}: {verdict.overlaps}\n{told}"


def test_stories_of_many_seeds_lose_and_double_nothing(virtual):
    play(virtual, range(SEEDS))


@pytest.mark.soak
def test_stories_of_twenty_thousand_new_seeds_lose_and_double_nothing(virtual):
    first = int.from_bytes(os.urandom(4))
    print(f"seeds from {first}")
    play(virtual, range(first, first + MORE))


def test_a_child_that_ignores_its_lease_is_seen(virtual):
    """Otherwise the stories above would prove nothing."""
    assert any(tell(virtual(), seed, heeds_leases=False)[1].overlaps for seed in range(40))
