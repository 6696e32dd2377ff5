from bptt import store
from bptt.records.workers import WorkerProcess
from bptt.store import Database
from tests.integration.store.submitting import WORKER, claim, submit, succeed


def test_what_has_ended_and_what_the_worker_trains_may_be_lacking(database: Database) -> None:
    submit(database)
    done, running = succeed(database, 2), claim(database)
    waiting = claim(database)
    store.give_back(database, waiting.run_id, waiting.attempt, why="drained")
    store.register_worker(
        database,
        WorkerProcess(
            worker_id="other",
            host="host",
            boot_id="boot",
            pid=2,
            pid_started=1.0,
            slots=2,
            version="0",
        ),
    )

    own = store.unshipped(database, limit=10, worker_id=WORKER)
    others = store.unshipped(database, limit=10, worker_id="other")
    anybody = store.unshipped(database, limit=10)

    assert [run.run_id for run in own] == [running.run_id, *done]
    assert [run.run_id for run in others] == done
    assert anybody == others
    assert (own[0].status, own[0].attempt, own[0].mlflow_run_id) == ("running", 1, None)
    assert own[1].status == "succeeded"
    assert len(store.unshipped(database, limit=2, worker_id=WORKER)) == 2


def test_what_has_never_begun_has_nothing_to_ship(database: Database) -> None:
    grid_id = submit(database).grid_id
    store.cancel_grid(database, grid_id, "ada")

    assert store.unshipped(database, limit=10) == []


def test_a_shipped_run_is_asked_for_no_more(database: Database) -> None:
    submit(database)
    first, second = succeed(database, 2)

    store.mark_shipped(database, first, mlflow_run_id="m1", complete=True)

    assert [run.run_id for run in store.unshipped(database, limit=10)] == [second]
    run = store.get_run(database, first)
    assert (run.mlflow, run.mlflow_run_id) == ("complete", "m1")


def test_where_a_run_is_in_mlflow_is_written_once(database: Database) -> None:
    submit(database)
    (done,) = succeed(database)

    store.mark_shipped(database, done, mlflow_run_id="m1", complete=False)
    store.mark_shipped(database, done, mlflow_run_id="m2", complete=False)

    (run,) = store.unshipped(database, limit=10)
    assert run.mlflow_run_id == "m1"


def test_a_run_that_has_not_ended_is_never_complete(database: Database) -> None:
    submit(database)
    running = claim(database)

    store.mark_shipped(database, running.run_id, mlflow_run_id="m1", complete=True)
    store.finish(database, running.run_id, running.attempt, {"outcome": "completed"}, 10)

    (run,) = store.unshipped(database, limit=10)
    assert (run.run_id, run.mlflow_run_id) == (running.run_id, "m1")


def test_a_run_that_was_deleted_meanwhile_is_passed_over(database: Database) -> None:
    store.mark_shipped(database, "abcde-0", mlflow_run_id="m1", complete=True)

    assert store.unshipped(database, limit=10) == []


def test_a_run_of_which_mlflow_gets_nothing_has_no_name_there(database: Database) -> None:
    submit(database)
    (done,) = succeed(database)

    store.mark_shipped(database, done, mlflow_run_id="", complete=True)

    run = store.get_run(database, done)
    assert (run.mlflow, run.mlflow_run_id) == ("complete", None)


def test_only_grids_that_were_here_count_as_deleted(database: Database) -> None:
    kept, deleted = submit(database).grid_id, submit(database, force=True).grid_id
    store.delete_grid(database, deleted, "ada")

    assert store.deleted_grids(database, [kept, deleted, "never"]) == [deleted]
    assert store.deleted_grids(database, []) == []
