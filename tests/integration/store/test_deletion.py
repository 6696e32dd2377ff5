import pytest

from bptt import identifiers, store
from bptt.errors import GridNotFound, NotPossible
from bptt.store import Database, numbering
from bptt.store.tables import attempts, configurations, events, grids, points
from tests.integration.store.queueing import rows_of
from tests.integration.store.submitting import (
    GRID,
    claim,
    everything,
    kinds,
    statuses,
    submit,
    succeed,
)


def test_a_deleted_grid_leaves_an_entry_in_the_history_and_nothing_else(
    database: Database,
) -> None:
    grid_id = submit(database).grid_id
    succeed(database, 2)

    removed = store.delete_grid(database, grid_id, "bob")

    assert sorted(removed) == [f"{grid_id}-{number}" for number in range(8)]
    tables = (grids, points, configurations, attempts)
    assert [rows_of(database, table) for table in tables] == [[], [], [], []]
    assert everything(database) == {}
    assert kinds(database) == ["deleted"]
    assert rows_of(database, events)[0].actor == "bob"
    with pytest.raises(GridNotFound):
        store.get_grid(database, grid_id)


def test_a_grid_that_trains_cannot_be_deleted(database: Database) -> None:
    grid_id = submit(database).grid_id
    claim(database)

    with pytest.raises(NotPossible, match=rf"1 runs of grid {grid_id} .*bptt cancel {grid_id}"):
        store.delete_grid(database, grid_id, "ada")

    assert len(everything(database)) == 8


def test_a_result_that_other_grids_rely_on_becomes_one_of_the_oldest(database: Database) -> None:
    first = submit(database)
    done = succeed(database, 2)
    second = submit(database, GRID, "name=second", user="bob")
    third = submit(database, GRID, "name=third", user="eve")
    before = everything(database)

    removed = store.delete_grid(database, first.grid_id, "ada")

    assert not set(removed) & set(done)
    assert len(removed) == 6
    after = everything(database)
    for run_id in done:
        same = set(before[run_id]) - {"grid_id", "configuration_id"}
        assert {k: after[run_id][k] for k in same} == {k: before[run_id][k] for k in same}
        assert after[run_id]["grid_id"] == second.grid_id
    for grid in (second, third):
        listed = statuses(database, grid.grid_id)
        assert [i for i, status in listed.items() if status == "succeeded"] == done
    rows = {row.grid_id: row for row in store.list_grids(database)}
    assert (rows[second.grid_id].reused, rows[third.grid_id].reused) == (0, 2)
    for row in rows.values():
        assert (row.counts, row.missing) == ({"queued": 6, "succeeded": 2}, 0)


def test_the_history_of_what_others_rely_on_stays(database: Database) -> None:
    first = submit(database)
    (done,) = succeed(database)
    submit(database, user="bob")

    store.delete_grid(database, first.grid_id, "ada")

    assert kinds(database, run_id=done) == ["running", "gate_opened", "succeeded"]
    assert [attempt.outcome for attempt in store.attempts(database, done)] == ["succeeded"]
    assert store.get_run(database, done).config == "rnn lr=0.001"


def test_results_are_handed_on_until_nobody_relies_on_them(database: Database) -> None:
    first = submit(database)
    done = succeed(database, 8)
    second, third = submit(database, user="bob"), submit(database, user="eve")

    removed = [store.delete_grid(database, grid.grid_id, "ada") for grid in (first, second, third)]

    assert removed[:2] == [[], []]
    assert sorted(removed[2]) == sorted(done)
    assert everything(database) == {}


def test_what_was_handed_on_is_still_reused(database: Database) -> None:
    first = submit(database)
    succeed(database, 8)
    submit(database, user="bob")
    store.delete_grid(database, first.grid_id, "ada")

    again = submit(database, user="eve")

    assert (again.queued, again.reused) == (0, {"ada": 8})


def test_a_grid_that_only_uses_results_of_others_takes_none_with_it(database: Database) -> None:
    first = submit(database)
    done = succeed(database, 8)
    second = submit(database, user="bob")

    removed = store.delete_grid(database, second.grid_id, "bob")

    assert removed == []
    assert list(statuses(database, first.grid_id)) == done


def test_the_id_of_a_deleted_grid_is_not_given_out_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identifiers, "ALPHABET", "abcd")
    monkeypatch.setattr(numbering, "ID_LENGTH", 1)

    given = []
    for _ in range(4):
        given.append(submit(database).grid_id)
        store.delete_grid(database, given[-1], "ada")

    assert sorted(given) == ["a", "b", "c", "d"]
