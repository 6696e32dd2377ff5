import multiprocessing

import pytest

from bptt import store
from bptt.errors import NotPossible
from bptt.spec import RunSpec
from bptt.store import Database, submission
from bptt.store.tables import configurations, grids, points
from tests.integration.store.queueing import limit, rows_of
from tests.integration.store.submitting import (
    GRID,
    claim,
    count_events,
    everything,
    kinds,
    read,
    statuses,
    submit,
    submit_at_once,
    succeed,
)


def test_a_submitted_grid_has_a_queued_run_for_every_point_in_the_order_of_the_file(
    database: Database,
) -> None:
    request = read()

    submitted = submit(database)

    assert (submitted.points, submitted.queued, submitted.existing) == (8, 8, False)
    assert (submitted.name, submitted.project) == ("small", "latch")
    listed = store.list_runs(database, grid_id=submitted.grid_id)
    assert [run.run_id for run in listed] == [f"{submitted.grid_id}-{n}" for n in range(8)]
    assert [run.name for run in listed] == [point.name for point in request]
    assert [run.values for run in listed] == [point.values for point in request]
    assert {run.status for run in listed} == {"queued"}
    assert kinds(database, grid_id=submitted.grid_id) == ["submitted"]


def test_a_claimed_run_has_the_spec_of_its_point(database: Database) -> None:
    request = read()
    submit(database)

    claimed = [claim(database) for _ in request]

    for run, point in zip(claimed, request, strict=True):
        assert RunSpec.model_validate(run.spec) == point.spec
        assert (run.plugins, run.data, run.identity) == (point.plugins, point.data, point.identity)
        assert (run.values, run.config, run.name) == (point.values, point.config, point.name)


def test_points_that_differ_in_the_seed_alone_share_a_configuration(database: Database) -> None:
    submit(database)

    assert len(rows_of(database, configurations)) == 4


def test_a_grid_that_is_in_the_queue_is_not_queued_again(database: Database) -> None:
    first = submit(database)
    entries = count_events(database)

    again = submit(database)

    assert (again.grid_id, again.existing, again.queued) == (first.grid_id, True, 0)
    assert count_events(database) == entries


def test_another_user_or_another_name_or_force_queue_it_again(database: Database) -> None:
    first = submit(database)

    others = [
        submit(database, user="bob"),
        submit(database, GRID, "name=other"),
        submit(database, force=True),
    ]

    assert len({first.grid_id, *(other.grid_id for other in others)}) == 4
    assert not any(other.existing for other in others)


def test_two_processes_that_submit_the_same_grid_at_once_make_one(database: Database) -> None:
    context = multiprocessing.get_context("forkserver")
    # as drafts have it: there is one such process for all
    context.set_forkserver_preload(["bptt.api.draft_template"])
    barrier, answers = context.Barrier(2), context.Queue()
    url = database.url.render_as_string(hide_password=False)
    both = [context.Process(target=submit_at_once, args=(url, barrier, answers)) for _ in range(2)]

    for process in both:
        process.start()
    told = [answers.get(timeout=120) for _ in both]
    for process in both:
        process.join(timeout=60)

    assert [process.exitcode for process in both] == [0, 0]
    assert told[0][0] == told[1][0]
    assert sorted(existing for _, existing in told) == [False, True]
    assert len(rows_of(database, grids)) == 1
    assert len(everything(database)) == 8


def test_a_finished_run_is_reused_by_other_grids_and_users(database: Database) -> None:
    submit(database)
    done = succeed(database, 3)

    wider = submit(database, GRID, "cell=[rnn,lstm,gru]", user="bob")

    assert wider.reused == {"ada": 3}
    assert (wider.points, wider.queued) == (12, 9)
    listed = statuses(database, wider.grid_id)
    assert [run_id for run_id, status in listed.items() if status == "succeeded"] == done
    assert store.get_grid(database, wider.grid_id).reused == 3


def test_the_newest_of_several_results_is_reused(database: Database) -> None:
    submit(database, GRID, "seeds=1", "cell=rnn", "optimizer.lr=1e-3")
    succeed(database)
    submit(database, GRID, "seeds=1", "cell=rnn", "optimizer.lr=1e-3", force=True)
    (newest,) = succeed(database)

    third = submit(database, user="bob")

    assert next(iter(statuses(database, third.grid_id))) == newest


def test_a_grid_of_which_every_point_has_a_result_has_ended_at_once(database: Database) -> None:
    submit(database)
    succeed(database, 8)

    again = submit(database)

    grid = store.get_grid(database, again.grid_id)
    assert (again.queued, again.existing, grid.counts) == (0, False, {"succeeded": 8})
    assert grid.ended_at is not None
    assert store.claimable(database) == 0


def test_what_has_failed_or_was_cancelled_is_not_reused(database: Database) -> None:
    store.cancel_grid(database, submit(database).grid_id, "ada")

    again = submit(database)

    assert (again.queued, again.reused) == (8, {})


def test_force_repeats_what_has_a_result(database: Database) -> None:
    submit(database)
    succeed(database, 8)

    again = submit(database, force=True)

    assert (again.queued, again.reused) == (8, {})


def test_a_forced_grid_that_is_in_the_queue_is_found_too(database: Database) -> None:
    first = submit(database, force=True)

    again = submit(database)

    assert (again.grid_id, again.existing) == (first.grid_id, True)


def test_the_first_new_run_goes_ahead_of_the_others(database: Database) -> None:
    submit(database, GRID, "seeds=1", "cell=rnn")
    succeed(database, 2)

    grid_id = submit(database).grid_id

    (row,) = [grid for grid in rows_of(database, grids) if grid.id == grid_id]
    assert row.canary_run_id == f"{grid_id}-1"
    assert store.claimable(database) == 1


def test_a_single_new_run_waits_for_no_other(database: Database) -> None:
    submit(database, GRID, "seeds=1", "cell=rnn", "optimizer.lr=1e-3")

    assert rows_of(database, grids)[0].canary_run_id is None


def test_nothing_of_a_held_grid_begins_before_it_is_released(database: Database) -> None:
    submitted = submit(database, hold=True)
    before = store.claimable(database)

    released = store.release_grid(database, submitted.grid_id, "bob")

    assert (before, released, store.claimable(database)) == (0, 8, 1)


def test_priority_and_urgency_belong_to_the_grid(database: Database) -> None:
    submitted = submit(database, priority=7, urgency=2)

    grid = store.get_grid(database, submitted.grid_id)
    assert (grid.priority, grid.urgency) == (7, 2)


def test_more_than_a_user_may_queue_is_refused_with_both_numbers(database: Database) -> None:
    limit(database, "ada", max_queued=10)
    submit(database)
    before = count_events(database)

    with pytest.raises(NotPossible, match=r"ada has 8 of at most 10 queued runs.* 4 more") as error:
        submit(database, GRID, "cell=gru")

    assert error.value.exit_code == 2
    assert (len(rows_of(database, grids)), count_events(database)) == (1, before)


def test_a_submission_that_breaks_off_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object) -> None:
        raise RuntimeError("the power fails")

    monkeypatch.setattr(submission, "end_if_over", break_off)

    with pytest.raises(RuntimeError, match="power"):
        submit(database)

    assert [rows_of(database, table) for table in (grids, points, configurations)] == [[], [], []]
    assert everything(database) == {}
    assert count_events(database) == 0


def test_what_was_submitted_can_be_read_again(database: Database) -> None:
    submitted = submit(database, GRID, "seeds=3")

    source = store.grid_source(database, submitted.grid_id)

    assert (source.source, source.filename) == (GRID, "small.yaml")
    assert list(source.overrides) == ["seeds=3"]
    axes = {axis["path"]: axis["values"] for axis in store.grid_axes(database, submitted.grid_id)}
    assert axes == {"cell": ["rnn", "lstm"], "optimizer.lr": [0.001, 0.01], "seed": [0, 1, 2]}
