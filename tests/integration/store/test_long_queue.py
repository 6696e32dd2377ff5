"""A long queue and a long history: what a slot does must not take longer for them."""

import re
import time
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from bptt import store
from bptt.records.ownership import Beat
from bptt.store import Database
from bptt.store.tables import grids
from tests.integration.store.queueing import put_grid, put_worker

LEASE = 1000.0
WHOLE = re.compile(
    # what is running is few; all else must be looked up, and not along every run of a grid
    r"SCAN (runs|r|c)\b(?! USING INDEX ix_runs_(active|owned))|Seq Scan on runs|ix_runs_grid"
)


def put_ended_grids(database: Database, count: int, live: bool = False) -> None:
    """Add grids without runs."""
    shared = {"user_name": "ada", "name": "n", "project": "p", "source": "", "filename": ""}
    shared |= {"overrides": [], "axes": [], "points": 0, "reused": 0, "created_at": 1.0}
    rows = [shared | {"id": f"e{n}-{live}", "seq": 10**6 + n + 10**6 * live} for n in range(count)]
    with database.write() as connection:
        connection.execute(
            insert(grids), [row | {"ended_at": None if live else 2.0} for row in rows]
        )


@pytest.fixture
def long_queue(database: Database) -> Database:
    """5,000 queued and as many finished runs in two grids, and a thousand grids besides."""
    put_grid(database, "done", size=5_000)
    with database.write(statement_seconds=120) as connection:
        connection.execute(
            text("UPDATE runs SET status = 'succeeded', result = '{}', finished_at = 1.0")
        )
    put_grid(database, "long", size=5_000)
    put_grid(database, "mixed", size=10, canary=True)
    put_ended_grids(database, 1000)
    put_ended_grids(database, 200, live=True)
    put_worker(database, "w1")
    if database.dialect == "postgresql":
        with database.write(statement_seconds=120) as connection:
            connection.execute(text("ANALYZE"))
    return database


def test_no_statement_of_a_slot_walks_through_all_runs(long_queue: Database) -> None:
    seen: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN", "EXPLAIN", "SHOW", "SET")):
            seen.append((statement, parameters))

    for engine in {long_queue.reader, long_queue.writer}:
        event.listen(engine, "before_cursor_execute", note)
    first, second = (
        store.claim(long_queue, worker_id="w1", slot=slot, lease_seconds=LEASE) for slot in (0, 1)
    )
    assert first is not None
    assert second is not None
    assert store.claimable(long_queue) == 1000
    beats = [Beat(run.run_id, 1, 1) for run in (first, second)]
    store.renew(long_queue, "w1", beats, LEASE)
    store.stop_requests(long_queue, "w1")
    store.live_owners(long_queue)
    store.reap(long_queue, lease_seconds=0.0)
    store.finish(long_queue, first.run_id, 1, {}, 5)
    store.give_back(long_queue, second.run_id, 1, why="drain")
    for engine in {long_queue.reader, long_queue.writer}:
        event.remove(engine, "before_cursor_execute", note)

    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[long_queue.dialect]
    for statement, parameters in seen:
        with long_queue.writer.connect() as connection, connection.begin() as transaction:
            plan = connection.exec_driver_sql(explain + statement, parameters).all()
            transaction.rollback()
        steps = "\n".join(str(row[-1]) for row in plan)
        assert not WHOLE.search(steps), f"{statement}\n{steps}"


def test_a_claim_takes_no_longer_in_a_long_queue(long_queue: Database) -> None:
    took = []

    for _ in range(20):
        begun = time.monotonic()
        store.claim(long_queue, worker_id="w1", slot=0, lease_seconds=LEASE)
        took.append(time.monotonic() - begun)

    # some milliseconds where nobody else has the processor
    assert min(took) < 0.25
