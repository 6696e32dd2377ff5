import pytest
from sqlalchemy import update

from bptt import store
from bptt.errors import GridNotFound, NotPossible
from bptt.store import Database
from bptt.store.tables import configurations, points
from tests.integration.store.queueing import limit
from tests.integration.store.submitting import (
    GRID,
    claim,
    everything,
    extend,
    fail,
    kinds,
    statuses,
    submit,
    succeed,
)


def test_more_seeds_are_queued_and_every_finished_run_is_kept(database: Database) -> None:
    grid_id = submit(database).grid_id
    done = succeed(database, 3)
    before = everything(database)

    added = extend(database, grid_id, "seeds=4")

    assert (added.points, added.queued) == (16, 8)
    after = everything(database)
    assert {run_id: after[run_id] for run_id in before} == before
    assert [i for i, s in statuses(database, grid_id).items() if s == "succeeded"] == done
    runs = store.list_runs(database, grid_id=grid_id)
    assert [run.run_id for run in runs] == [f"{grid_id}-{number}" for number in range(16)]
    assert {run.seed for run in runs[8:]} == {2, 3}
    assert kinds(database, grid_id=grid_id)[-1] == "extended"


def test_extending_twice_adds_nothing(database: Database) -> None:
    grid_id = submit(database).grid_id
    extend(database, grid_id, "seeds=4")

    again = extend(database, grid_id, "seeds=4")

    assert (again.points, again.queued) == (16, 0)
    assert kinds(database, grid_id=grid_id) == ["submitted", "extended"]


def test_a_new_value_of_an_axis_is_one_of_its_values_then(database: Database) -> None:
    grid_id = submit(database).grid_id

    extend(database, grid_id, "optimizer.lr=[1e-3,1e-2,1e-1]")

    axes = {axis["path"]: axis["values"] for axis in store.grid_axes(database, grid_id)}
    assert axes["optimizer.lr"] == [0.001, 0.01, 0.1]
    configs = [run.config for run in store.list_runs(database, grid_id=grid_id)]
    assert len(configs) == 12
    assert sorted(set(configs)) == sorted(
        f"{cell} lr={lr}" for cell in ("rnn", "lstm") for lr in ("0.001", "0.01", "0.1")
    )


def test_points_are_called_after_what_only_the_new_ones_differ_in(database: Database) -> None:
    grid_id = submit(database, GRID, "optimizer.lr=1e-3").grid_id

    extend(database, grid_id)

    runs = store.list_runs(database, grid_id=grid_id)
    assert [run.values["optimizer.lr"] for run in runs] == [0.001] * 4 + [0.01] * 4
    assert len({(run.config, run.seed) for run in runs}) == 8


def test_only_further_values_join_the_axis(database: Database) -> None:
    grid_id = submit(database).grid_id

    added = extend(database, grid_id, "seeds=[5,6]", "optimizer.lr=[1e-1,1]")

    assert (added.points, added.queued) == (16, 8)
    axes = {axis["path"]: axis["values"] for axis in store.grid_axes(database, grid_id)}
    assert axes["optimizer.lr"] == [0.001, 0.01, 0.1, 1.0]
    assert axes["seed"] == [0, 1, 5, 6]


def test_a_seed_axis_appears_where_there_was_one_seed(database: Database) -> None:
    grid_id = submit(database, GRID, "seeds=1").grid_id

    extend(database, grid_id, "seeds=[4]")

    axes = {axis["path"]: axis["values"] for axis in store.grid_axes(database, grid_id)}
    assert axes["seed"] == [0, 4]
    assert [run.values["seed"] for run in store.list_runs(database, grid_id=grid_id)] == (
        [0] * 4 + [4] * 4
    )


@pytest.mark.parametrize("override", ["training.steps=20", "model.hidden_size=[8,16]"])
def test_points_that_could_not_be_told_apart_are_refused(database: Database, override: str) -> None:
    grid_id = submit(database).grid_id

    with pytest.raises(NotPossible, match="could not be told"):
        extend(database, grid_id, override)

    assert store.get_grid(database, grid_id).points == 8
    assert kinds(database, grid_id=grid_id) == ["submitted"]


def test_what_an_extension_finds_done_elsewhere_is_reused(database: Database) -> None:
    grid_id = submit(database, GRID, "seeds=1").grid_id
    submit(database, GRID, "seeds=[7]", user="bob", urgency=2)
    succeed(database, 2)

    added = extend(database, grid_id, "seeds=[0,7]")

    assert (added.queued, added.reused) == (2, {"bob": 2})
    grid = store.get_grid(database, grid_id)
    assert (grid.points, grid.reused) == (8, 2)
    assert grid.counts == {"queued": 6, "succeeded": 2}


def test_a_grid_that_had_ended_goes_on(database: Database) -> None:
    grid_id = submit(database).grid_id
    succeed(database, 8)
    ended = store.get_grid(database, grid_id).ended_at

    extend(database, grid_id, "seeds=3")

    assert ended is not None
    assert store.get_grid(database, grid_id).ended_at is None
    assert claim(database).run_id == f"{grid_id}-8"


def test_the_new_text_is_the_grids_own_if_it_leaves_nothing_out(database: Database) -> None:
    grid_id = submit(database).grid_id

    extend(database, grid_id, "seeds=[5]")
    partial = store.grid_source(database, grid_id)
    extend(database, grid_id, "seeds=[0,1,5,6]")
    whole = store.grid_source(database, grid_id)

    assert list(partial.overrides) == []
    assert list(whole.overrides) == ["seeds=[0,1,5,6]"]


def test_another_version_of_a_plugin_is_refused(database: Database) -> None:
    grid_id = submit(database, GRID, "cell=rnn").grid_id
    older = {"cell:rnn": "bptt 0.0", "clipper:none": "bptt 0.0", "task:latch": "bptt 0.0"}
    with database.write() as connection:
        connection.execute(update(configurations).values(plugins=older))
        connection.execute(update(points).values(identity=points.c.identity.concat("0")))

    for dry_run in (False, True):
        with pytest.raises(NotPossible, match=r"was of bptt 0.0, and what is installed is bptt \d"):
            extend(database, grid_id, "cell=rnn", dry_run=dry_run)

    assert store.get_grid(database, grid_id).points == 4


def test_more_than_a_user_may_queue_is_refused(database: Database) -> None:
    grid_id = submit(database).grid_id
    limit(database, "ada", max_queued=10)

    with pytest.raises(NotPossible, match="8 of at most 10"):
        extend(database, grid_id, "seeds=3")

    assert store.get_grid(database, grid_id).points == 8


def test_a_grid_that_is_gone_cannot_be_extended(database: Database) -> None:
    with pytest.raises(GridNotFound, match="no grid abcde"):
        extend(database, "abcde")
    with pytest.raises(GridNotFound, match="no grid abcde"):
        store.grid_source(database, "abcde")


def test_failed_runs_stay_failed_in_an_extended_grid(database: Database) -> None:
    grid_id = submit(database).grid_id
    (failed,) = fail(database)

    extend(database, grid_id, "seeds=3")

    assert statuses(database, grid_id)[failed] == "failed"
