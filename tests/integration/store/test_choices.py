"""What the history of a grid says of values that were chosen, and of the points added for them."""

from typing import Any

import pytest
from sqlalchemy import update

from bptt import store
from bptt.errors import NotPossible
from bptt.records.choices import MadeChoice
from bptt.store import Database
from bptt.store.tables import events
from tests.integration.store.submitting import everything, extend, kinds, submit

RNN_SLOW = {"cell": "rnn", "optimizer.lr": 0.001}


def only(*seeds: int, **values: Any) -> store.Only:
    return store.Only(
        [{**RNN_SLOW, **values}], seeds, {"rnn": "lr=0.001"}, ["optimizer.lr"], ["cell"], [0, 1]
    )


def test_some_configurations_get_seeds_and_others_none(database: Database) -> None:
    grid_id = submit(database).grid_id
    before = everything(database)

    added = extend(database, grid_id, "seeds=[2, 3]", only=only(2, 3))
    again = extend(database, grid_id, "seeds=[2, 3]", only=only(2, 3))

    assert (added.points, added.queued, again.queued) == (10, 2, 0)
    runs = store.list_runs(database, grid_id=grid_id)
    assert [(run.config, run.seed) for run in runs[8:]] == [
        ("rnn lr=0.001", 2),
        ("rnn lr=0.001", 3),
    ]
    after = everything(database)
    assert {run_id: after[run_id] for run_id in before} == before
    axes = {axis["path"]: axis["values"] for axis in store.grid_axes(database, grid_id)}
    assert axes == {"cell": ["rnn", "lstm"], "optimizer.lr": [1e-3, 1e-2], "seed": [0, 1, 2, 3]}
    # why is in the history, and the grid's file is what it was
    (said,) = [e.data for e in store.events(database, grid_id=grid_id) if e.kind == "extended"]
    assert said | {"configurations": []} == {
        "points": 2,
        "queued": 2,
        "reused": 0,
        "chosen": {"rnn": "lr=0.001"},
        "tuned": ["optimizer.lr"],
        "by": ["cell"],
        "choosing": [0, 1],
        "seeds": [2, 3],
        "configurations": [],
    }
    assert store.grid_source(database, grid_id).overrides == []
    assert extend(database, grid_id, "seeds=4").queued == 6


def test_a_dry_run_says_what_would_be_added_and_adds_nothing(database: Database) -> None:
    grid_id = submit(database).grid_id
    before = everything(database)

    would = extend(database, grid_id, "seeds=[2, 3, 4]", only=only(2, 3, 4), dry_run=True)

    assert (would.points, would.queued) == (11, 3)
    assert everything(database) == before
    assert kinds(database, grid_id=grid_id) == ["submitted"]
    assert store.get_grid(database, grid_id).points == 8


def test_a_configuration_that_the_file_lacks_is_not_extended_by_it(database: Database) -> None:
    grid_id = submit(database).grid_id

    with pytest.raises(NotPossible, match="it lacks 1 of the 1 chosen configurations"):
        extend(database, grid_id, "seeds=[2]", "optimizer.lr=[1e-2, 1e-1]", only=only(2))

    assert store.get_grid(database, grid_id).points == 8


def made(database: Database, grid_id: str) -> dict[str, tuple[MadeChoice, ...]]:
    """Return the choices that points judge, without the points that judge none."""
    found = store.choices_of_points(database, grid_id)
    return {name: choices for name, choices in found.items() if choices}


def test_points_are_known_that_were_added_to_judge_a_choice(database: Database) -> None:
    grid_id = submit(database).grid_id
    assert len(store.choices_of_points(database, grid_id)) == 8
    assert made(database, grid_id) == {}

    extend(database, grid_id, "seeds=[2, 3]", only=only(2, 3))
    # whatever is added later, and whatever the points are called then
    extend(database, grid_id, "seeds=4", "model.hidden_size=[4, 5]")

    choice = MadeChoice(
        grid_id, ("optimizer.lr",), ("cell",), (0, 1), words=frozenset({"lr=0.001"})
    )
    found = made(database, grid_id)
    assert list(found.values()) == [(choice,), (choice,)]
    runs = {run.name: run for run in store.list_runs(database, grid_id=grid_id)}
    assert [(runs[name].seed, runs[name].values["cell"]) for name in found] == [
        (2, "rnn"),
        (3, "rnn"),
    ]
    assert all(runs[name].values["model.hidden_size"] == 4 for name in found)


def test_a_choice_covers_points_that_had_been_there(database: Database) -> None:
    grid_id = submit(database).grid_id
    extend(database, grid_id, "seeds=[2]")

    extend(database, grid_id, "seeds=[2, 3]", only=only(2, 3))

    assert {name.rpartition("-s")[2] for name in made(database, grid_id)} == {"2", "3"}


def test_a_choice_that_an_earlier_version_made_is_known_by_what_it_added(
    database: Database,
) -> None:
    grid_id = submit(database).grid_id
    extend(database, grid_id, "seeds=[2]", only=only(2))
    extend(database, grid_id, "seeds=[3]")
    extend(database, grid_id, "seeds=[4]", only=only(4))
    recorded = made(database, grid_id)
    for event in store.events(database, grid_id=grid_id):
        kept = {key: event.data[key] for key in ("points", "queued", "reused")}
        if "chosen" in event.data:
            kept["chosen"] = event.data["chosen"]
        with database.write() as connection:
            connection.execute(update(events).where(events.c.at == event.at).values(data=kept))

    found = made(database, grid_id)

    assert list(found) == list(recorded)
    # seed 2 judged, so it had no say in the second choice; seed 3 may have had one
    assert [[one.choosing for one in choices] for choices in found.values()] == [
        [(0, 1)],
        [(0, 1, 3)],
    ]
    assert {(one.tuned, one.words) for (one,) in found.values()} == {((), frozenset({"lr=0.001"}))}


def test_what_an_incomplete_history_does_not_say_is_no_choice(database: Database) -> None:
    grid_id = submit(database).grid_id
    extend(database, grid_id, "seeds=[2]", only=only(2))
    with database.write() as connection:
        lost = {"chosen": {"rnn": "lr=0.001"}}
        chosen = events.c.kind == "extended"
        connection.execute(update(events).where(chosen).values(data=lost))

    assert made(database, grid_id) == {}
