"""Runs whose plugins are not, on some machine or by now, what their grid was queued with."""

import pytest
from sqlalchemy import update

from bptt import store
from bptt.errors import NotPossible
from bptt.store import Database
from bptt.store.tables import attempts, configurations, grids, points, runs
from tests.integration.store.queueing import row_of, rows_of
from tests.integration.store.scenarios import begin, take
from tests.integration.store.submitting import extend, submit

WHY = (
    "queued with the cell mine of my-cells 1.0, and what is installed on lab3 differs in "
    "my_cells.py"
)


def test_a_worker_with_other_plugins_gives_the_run_back_and_holds_its_grid(
    database: Database,
) -> None:
    begin(database, size=3, canary=True)
    take(database)

    ended = store.refuse(database, "g-0", 1, why=WHY, last_step=0, exit_code=81)

    assert ended is not None
    assert [row.status for row in rows_of(database, runs, runs.c.seq)] == ["queued"] * 3
    (attempt,) = rows_of(database, attempts, attempts.c.attempt)
    assert (attempt.outcome, attempt.exit_code) == ("refused", 81)
    grid = row_of(database, grids, id="g")
    assert (grid.held_reason, grid.canary_run_id, grid.ended_at) == (WHY, "g-0", None)
    assert store.claim(database, worker_id="w2", slot=0, lease_seconds=9) is None
    store.release_grid(database, "g", "ada")
    assert take(database, "w2").run_id == "g-0"


def test_a_run_that_was_cancelled_meanwhile_holds_nothing(database: Database) -> None:
    begin(database, size=2)
    take(database)
    store.cancel_run(database, "g-0", "ada")

    ended = store.refuse(database, "g-0", 1, why=WHY, last_step=0, exit_code=81)

    assert ended is not None
    assert ended.status == "cancelled"
    assert row_of(database, grids, id="g").held_reason is None


def test_who_lost_the_run_holds_nothing(database: Database) -> None:
    begin(database)
    take(database)

    assert store.refuse(database, "g-0", 2, why=WHY, last_step=0, exit_code=81) is None
    assert row_of(database, grids, id="g").held_reason is None


@pytest.mark.parametrize(
    ("was", "code", "told"),
    [
        ("bptt 0.1.0 code 00ff", {"bptt/errors.py": "00ff"}, r"differs in bptt/errors\.py"),
        ("bptt 0.1.0", {}, "as released, and what is installed is other code"),
        ("bptt 0.1.0", None, "and its code was not recorded then"),
    ],
    ids=["edited", "released", "of an earlier version"],
)
@pytest.mark.parametrize("how", ["cell=rnn", "training.steps=7"])
def test_a_grid_is_not_extended_with_a_plugin_of_other_code(
    database: Database, was: str, code: dict[str, str] | None, told: str, how: str
) -> None:
    grid_id = submit(database).grid_id
    before = {"cell:rnn": was, "clipper:none": was, "task:latch": was}
    with database.write() as connection:
        connection.execute(update(configurations).values(plugins=before))
        connection.execute(update(grids).values(code=code))
        connection.execute(update(points).values(identity=points.c.identity.concat("0")))

    with pytest.raises(NotPossible, match=rf"cannot be extended: the \w+ \w+ was of bptt .*{told}"):
        extend(database, grid_id, how)

    assert store.get_grid(database, grid_id).points == 8
