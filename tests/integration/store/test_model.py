"""The store against a model: random calls, stale ones among them, and every invariant after each.

Hypothesis prints the calls that lead to a fault, shortened, as a program.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bptt import store
from bptt.records.ownership import Beat, Ended, Failure
from bptt.store import Database, choosing, leaving, users
from tests.integration.store.invariants import check_invariants
from tests.integration.store.model import Model, ModelGrid
from tests.integration.store.queueing import expire, limit, put_grid, put_worker

USERS = ("ada", "bob")
WORKERS = ("w0", "w1", "w2")
LEASE = 1000.0
LIMITS = {"ada": None, "bob": 2}
CONTROLS = {
    "cancel": ("running", "queued", "held"),
    "hold": ("running", "queued"),
    "release": ("held",),
}
BROKEN = Failure("plugin_error", "it broke")
PICKS = st.integers(0, 7)


def has_tokens(machine: "Queue") -> bool:
    return bool(machine.tokens)


class Queue(RuleBasedStateMachine):
    """Every call of the store that changes a run, in any order, with tokens of any age."""

    new_database: Callable[[], Database]

    def __init__(self) -> None:
        super().__init__()
        self.database = type(self).new_database()
        self.model = Model()
        self.tokens: list[tuple[str, int, str]] = []
        self.model.limits |= LIMITS
        for worker in WORKERS:
            put_worker(self.database, worker)
        for user, most in LIMITS.items():
            limit(self.database, user, max_running=most)

    @initialize(size=st.integers(2, 4), waits=st.booleans())
    def begin(self, size: int, waits: bool) -> None:
        self.put("ada", size, 1, 0, waits)

    @precondition(lambda self: len(self.model.grids) < 5)
    @rule(
        user=st.sampled_from(USERS),
        size=st.integers(1, 4),
        urgency=st.integers(0, 2),
        priority=st.integers(0, 1),
        waits=st.booleans(),
    )
    def submit(self, user: str, size: int, urgency: int, priority: int, waits: bool) -> None:
        self.put(user, size, urgency, priority, waits)

    def put(self, user: str, size: int, urgency: int, priority: int, waits: bool) -> None:
        grid_id = f"g{len(self.model.grids)}"
        rank = {"urgency": urgency, "priority": priority}
        ids = put_grid(self.database, grid_id, size=size, user=user, canary=waits, **rank)
        grid = ModelGrid(user, urgency, priority, ids, ids[0] if waits else None)
        self.model.submit(grid_id, grid, "queued")

    @rule(worker=st.sampled_from(WORKERS))
    def claim(self, worker: str) -> None:
        claimed = store.claim(self.database, worker_id=worker, slot=0, lease_seconds=LEASE)

        heads = self.model.heads()
        if claimed is None:
            assert not heads
            return
        assert claimed.run_id == self.model.best(), heads
        self.model.claim(claimed.run_id, worker)
        assert claimed.attempt == self.model.runs[claimed.run_id].attempt
        self.tokens.append((claimed.run_id, claimed.attempt, worker))

    @precondition(has_tokens)
    @rule(pick=PICKS, step=st.integers(0, 3), checkpoint=st.integers(0, 3))
    def renew(self, pick: int, step: int, checkpoint: int) -> None:
        run_id, attempt, worker = self.token(pick)

        beat = Beat(run_id, attempt, step, checkpoint)
        answer = store.renew(self.database, worker, [beat], LEASE)

        if self.model.renew(run_id, attempt, worker, step, checkpoint):
            assert answer == {run_id: self.model.runs[run_id].stop}
        else:
            assert answer == {}

    @precondition(has_tokens)
    @rule(pick=PICKS)
    def finish(self, pick: int) -> None:
        token = self.token(pick)
        result = {"attempt": token[1]}
        self.ended(token, "finish", store.finish(self.database, *token[:2], result, 5))

    @precondition(has_tokens)
    @rule(pick=PICKS)
    def fail(self, pick: int) -> None:
        token = self.token(pick)
        self.ended(token, "fail", store.fail(self.database, *token[:2], BROKEN, 5))

    @precondition(has_tokens)
    @rule(pick=PICKS)
    def lose(self, pick: int) -> None:
        token = self.token(pick)
        lost = store.lose(self.database, *token[:2], why="died", signal=9, log_tail="Killed")
        self.ended(token, "lose", lost)

    @precondition(has_tokens)
    @rule(pick=PICKS)
    def give_back(self, pick: int) -> None:
        token = self.token(pick)
        self.ended(token, "give_back", store.give_back(self.database, *token[:2], why="drain"))

    def token(self, pick: int) -> tuple[str, int, str]:
        """Return one of the claims so far: mostly one that still owns its run."""
        owners = [token for token in self.tokens if self.model.owns(*token[:2])]
        pool = owners if owners and pick < 5 else self.tokens
        return pool[pick % len(pool)]

    def owners(self) -> list[str]:
        return sorted({run.worker for run in self.model.runs.values() if run.worker})

    def ended(self, token: tuple[str, int, str], how: str, ended: Ended | None) -> None:
        expected = self.model.end(*token[:2], how, {"attempt": token[1]})
        assert (None if ended is None else ended.status) == expected

    @precondition(has_tokens)
    @rule(pick=PICKS)
    def expire(self, pick: int) -> None:
        token = self.token(pick)
        expire(self.database, token[0])

        run = self.model.runs[token[0]]
        run.expired = run.status == "running"

    @precondition(lambda self: self.owners())
    @rule()
    def reap(self) -> None:
        reaped = store.reap(self.database, lease_seconds=0.0)

        expired = [run_id for run_id, run in self.model.runs.items() if run.expired]
        self.reaped(expired, reaped)

    @precondition(lambda self: self.owners())
    @rule(pick=PICKS)
    def reap_worker(self, pick: int) -> None:
        worker = self.owners()[pick % len(self.owners())]
        reaped = store.reap_workers(self.database, [worker])

        owned = [run_id for run_id, run in self.model.runs.items() if run.worker == worker]
        self.reaped(owned, reaped)
        store.beat_worker(self.database, worker)

    def reaped(self, expected: list[str], reaped: list[Any]) -> None:
        statuses = {}
        for run_id in expected:
            statuses[run_id] = self.model.end(run_id, self.model.runs[run_id].attempt, "reap", {})
        assert {one.run_id: one.status for one in reaped} == statuses

    @rule(pick=PICKS, what=st.sampled_from([*CONTROLS]))
    def control(self, pick: int, what: str) -> None:
        found = [
            run_id
            for run_id, run in self.model.runs.items()
            if run.status in CONTROLS[what] and run.stop == "none"
        ]
        running = [run_id for run_id in found if self.model.runs[run_id].status == "running"]
        pool = running if running and pick < 4 else found
        if pool:
            run_id = pool[pick % len(pool)]
            getattr(store, f"{what}_run")(self.database, run_id, "ada")
            getattr(self.model, what)(run_id)

    @rule(pick=PICKS, held=st.booleans())
    def control_grid(self, pick: int, held: bool) -> None:
        grid_id = [*self.model.grids][pick % len(self.model.grids)]
        # a grid with running or held runs has more to say about it; see the tests of control
        grid = self.model.grids[grid_id]
        if held == grid.held or any(self.model.runs[r].status != "queued" for r in grid.runs):
            return
        (store.hold_grid if held else store.release_grid)(self.database, grid_id, "ada")
        grid.held = held

    @invariant()
    def holds(self) -> None:
        check_invariants(self.database, self.model)


@pytest.fixture(autouse=True)
def _usage_without_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charge one slot-second for each attempt: how long a test took must not choose a run."""

    def charge(connection: Any, name: str, slot_seconds: float, at: float) -> None:
        users.add_usage(connection, name, 1.0, 0.0)

    monkeypatch.setattr(leaving, "add_usage", charge)
    monkeypatch.setattr(choosing, "decayed", lambda usage, usage_at, at: usage)


def run_machine(database: Callable[[], Database], examples: int, steps: int) -> None:
    """Run the machine on databases of one kind."""
    machine = type("Queue", (Queue,), {"new_database": staticmethod(database)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize(
    ("dialect", "examples", "steps"), [("sqlite", 50, 60), ("postgresql", 15, 60)]
)
def test_the_store_does_what_the_model_does_whatever_is_called(
    dialect: str, examples: int, steps: int, empty_database: Callable[[str], Database]
) -> None:
    run_machine(lambda: empty_database(dialect), examples, steps)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("dialect", "examples", "steps"), [("sqlite", 5000, 100), ("postgresql", 1000, 100)]
)
def test_the_store_does_what_the_model_does_for_hours(
    dialect: str, examples: int, steps: int, empty_database: Callable[[str], Database]
) -> None:
    run_machine(lambda: empty_database(dialect), examples, steps)
