"""What must hold of the tables after any call, by the numbers of the specification."""

from collections import Counter, defaultdict

from sqlalchemy import text

from bptt.lifecycle import STATUSES, TERMINAL
from bptt.store import Database
from bptt.store.choosing import count_claimable
from tests.integration.store.model import Model

RUNS = "SELECT * FROM runs ORDER BY seq"
ATTEMPTS = "SELECT * FROM attempts ORDER BY run_id, attempt"
EVENTS = "SELECT run_id, kind, attempt FROM events WHERE run_id IS NOT NULL ORDER BY id"
GRIDS = "SELECT * FROM grids"


def check_invariants(database: Database, model: Model) -> None:
    """Compare every table with the model."""
    with database.read() as connection:
        runs = connection.execute(text(RUNS)).all()
        attempts = connection.execute(text(ATTEMPTS)).all()
        events = connection.execute(text(EVENTS)).all()
        grids = connection.execute(text(GRIDS)).all()
        count = count_claimable(connection)
    history, numbers, opened = defaultdict(list), defaultdict(list), Counter()
    for event in events:
        if event.kind in STATUSES:
            history[event.run_id].append(event.kind)
    for attempt in attempts:
        numbers[attempt.run_id].append(attempt.attempt)
        opened[attempt.run_id] += attempt.ended_at is None
    for run in runs:
        expected = model.runs[run.id]
        known = (run.status, run.stop_request, run.attempt, run.checkpoint_step, run.losses)
        assert known == (
            *(expected.status, expected.stop, expected.attempt),
            *(expected.checkpoint, expected.losses),
        )
        # I1, I5: one event per change, the last of a run that has ended is its only terminal one
        changes = history[run.id]
        assert changes == expected.history
        assert sum(kind in TERMINAL for kind in changes) == (run.status in TERMINAL)
        # I2
        owned = run.status == "running"
        assert owned == (run.lease_expires_at is not None) == (run.worker_id is not None)
        # I3, I4
        assert opened[run.id] == owned
        assert numbers[run.id] == [*range(1, run.attempt + 1)]
        # I9: what was accepted is what that attempt gave
        assert (run.result is None) == (expected.result is None)
        if run.status == "succeeded":
            assert f'"attempt": {run.attempt}' in str(run.result).replace("'", '"')
    for grid in grids:
        # I6: nothing waits for a grid that has ended, and no grid that could go on has
        assert (grid.ended_at is not None) == model.ended(grid.id)
        assert (grid.live_key is None) == model.ended(grid.id)
    assert count == model.count()
    # I8
    for user, most in model.limits.items():
        assert most is None or model.running(user) <= most
