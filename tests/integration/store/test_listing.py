import pytest

from bptt import store
from bptt.errors import GridNotFound, RunNotFound
from bptt.records.ownership import Beat
from bptt.store import Database
from tests.integration.store.submitting import (
    GRID,
    LEASE,
    WORKER,
    claim,
    fail,
    statuses,
    submit,
    succeed,
)

OTHER = "name: other\ntask: latch\ncell: gru\nseeds: 3\n"


def test_grids_are_listed_newest_first_with_what_became_of_their_points(
    database: Database,
) -> None:
    first = submit(database, priority=3)
    succeed(database, 2)
    succeed(database, 1, outcome="diverged")
    fail(database)
    claim(database)
    second = submit(database, OTHER, user="bob")

    newest, oldest = store.list_grids(database)

    assert (newest.grid_id, newest.user, newest.counts) == (second.grid_id, "bob", {"queued": 3})
    assert (oldest.grid_id, oldest.name, oldest.points) == (first.grid_id, "small", 8)
    assert oldest.counts == {"queued": 3, "running": 1, "succeeded": 3, "failed": 1}
    assert (oldest.diverged, oldest.missing, oldest.reused, oldest.priority) == (1, 0, 0, 3)
    assert oldest.ended_at is None
    assert [grid.grid_id for grid in store.list_grids(database, user="ada")] == [first.grid_id]
    assert [grid.grid_id for grid in store.list_grids(database, limit=1)] == [second.grid_id]
    assert store.get_grid(database, first.grid_id) == oldest


def test_reused_points_count_with_those_that_diverged(database: Database) -> None:
    first = submit(database)
    succeed(database, 2)
    succeed(database, 1, outcome="diverged")
    second = submit(database, user="bob")
    store.cancel_grid(database, first.grid_id, "ada")
    succeed(database, 1, outcome="diverged")

    row = store.get_grid(database, second.grid_id)

    assert row.counts == {"queued": 4, "succeeded": 4}
    assert (row.reused, row.diverged) == (3, 2)


def test_a_retried_point_counts_once(database: Database) -> None:
    grid_id = submit(database).grid_id
    fail(database, 2)

    store.retry(database, user="ada", grid_id=grid_id)

    row = store.get_grid(database, grid_id)
    assert (row.counts, row.points) == ({"queued": 8}, 8)
    assert len(store.list_runs(database, grid_id=grid_id)) == 8
    assert len(store.list_runs(database)) == 8


@pytest.mark.parametrize("status", [None, ["queued", "succeeded"], ["queued"]])
def test_pages_of_a_grid_follow_each_other(database: Database, status: list[str] | None) -> None:
    submit(database)
    succeed(database, 3)
    grid_id = submit(database, GRID, "seeds=4", user="bob").grid_id
    whole = store.list_runs(database, grid_id=grid_id, status=status)

    pages, after = [], None
    while page := store.list_runs(database, grid_id=grid_id, status=status, limit=3, after=after):
        pages.append(page)
        after = page[-1].run_id

    assert [run for page in pages for run in page] == whole
    assert len(whole) == (13 if status == ["queued"] else 16)
    assert {len(page) for page in pages[:-1]} == {3}
    assert [run.number for run in whole] == sorted(run.number for run in whole)
    assert {run.grid_id for run in whole} == {grid_id}


def test_pages_of_all_runs_follow_each_other_newest_first(database: Database) -> None:
    first, second = submit(database), submit(database, OTHER, user="bob")
    expected = [f"{second.grid_id}-{n}" for n in (2, 1, 0)]
    expected += [f"{first.grid_id}-{n}" for n in range(7, -1, -1)]

    page = store.list_runs(database, limit=5)
    rest = store.list_runs(database, limit=50, after=page[-1].run_id)

    assert [run.run_id for run in page + rest] == expected


def test_runs_are_listed_by_status(database: Database) -> None:
    grid_id = submit(database).grid_id
    done, failed = succeed(database, 2), fail(database)

    def listed(status: object, **where: str) -> set[str]:
        runs = store.list_runs(database, status=status, **where)  # type: ignore[arg-type]
        return {run.run_id for run in runs}

    for where in ({}, {"grid_id": grid_id}):
        assert listed("failed", **where) == set(failed)
        assert listed(["failed", "succeeded"], **where) == {*failed, *done}
        assert len(listed("queued", **where)) == 5
        assert listed("held", **where) == set()


def test_a_page_after_an_unknown_run_is_refused(database: Database) -> None:
    first, second = submit(database), submit(database, OTHER)

    with pytest.raises(RunNotFound, match="no run nobody-1"):
        store.list_runs(database, after="nobody-1")
    with pytest.raises(RunNotFound, match=f"Grid {first.grid_id} has no run"):
        store.list_runs(database, grid_id=first.grid_id, after=f"{second.grid_id}-0")


def test_a_run_tells_where_it_stands(database: Database) -> None:
    grid_id = submit(database).grid_id
    running = claim(database)
    store.renew(database, WORKER, [Beat(running.run_id, 1, 7, 5, 0.25)], LEASE)

    run = store.get_run(database, running.run_id)

    assert (run.grid_id, run.number, run.user, run.status) == (grid_id, 0, "ada", "running")
    assert (run.step, run.steps, run.step_seconds, run.attempt) == (7, 10, 0.25, 1)
    assert (run.config, run.seed) == ("rnn lr=0.001", 0)
    assert run.values == {"cell": "rnn", "optimizer.lr": 0.001, "seed": 0}
    assert (run.worker, run.mlflow, run.mlflow_run_id) == ("host:1", "pending", None)
    assert run.work > 0


def test_a_run_that_ended_tells_how(database: Database) -> None:
    submit(database)
    (done,), (failed,) = succeed(database), fail(database)

    succeeded, broken = store.get_run(database, done), store.get_run(database, failed)

    assert (succeeded.result, succeeded.failure) == ({"outcome": "completed"}, None)
    assert broken.failure is not None
    assert (broken.failure["cause"], broken.failure["message"]) == ("plugin_error", "bad")
    assert (broken.worker, broken.result) == (None, None)
    (attempt,) = store.attempts(database, failed)
    assert (attempt.attempt, attempt.worker, attempt.outcome) == (1, "host:1", "failed")


def test_a_reused_run_is_listed_as_a_point_of_the_grid_that_uses_it(database: Database) -> None:
    submit(database, GRID, "cell=lstm")
    (done,) = succeed(database)
    second = submit(database, user="bob")

    listed = {run.run_id: run for run in store.list_runs(database, grid_id=second.grid_id)}

    run = listed[done]
    assert (run.grid_id, run.number, run.user) == (second.grid_id, 4, "ada")
    assert run.values == {"cell": "lstm", "optimizer.lr": 0.001, "seed": 0}
    assert list(statuses(database, second.grid_id))[4] == done


def test_the_history_of_a_grid_is_that_of_all_its_runs(database: Database) -> None:
    grid_id = submit(database).grid_id
    other = submit(database, OTHER)
    store.cancel_run(database, f"{grid_id}-2", "bob")

    history = store.events(database, grid_id=grid_id)

    assert [(e.kind, e.run_id, e.actor) for e in history] == [
        ("submitted", None, "ada"),
        ("cancelled", f"{grid_id}-2", "bob"),
    ]
    assert history[0].data["points"] == 8
    assert history[0].at <= history[1].at
    assert len(store.events(database)) == 3
    assert len(store.events(database, grid_id=other.grid_id)) == 1


def test_what_is_not_there_is_said_to_be_unknown(database: Database) -> None:
    with pytest.raises(GridNotFound, match="no grid abcde"):
        store.get_grid(database, "abcde")
    with pytest.raises(GridNotFound, match="no grid abcde"):
        store.grid_axes(database, "abcde")
    with pytest.raises(GridNotFound, match="no grid abcde"):
        store.grid_work(database, "abcde")
    with pytest.raises(RunNotFound, match="no run abcde-0"):
        store.get_run(database, "abcde-0")
