"""What MLflow shows of a grid: its parent, its children, their comparison and the saved views."""

import json
from pathlib import Path

import pytest

from bptt import store, tracking
from bptt.shipping.queue import QueueRounds
from bptt.tracking.client import connect
from bptt.tracking.grid import charts
from bptt.tracking.grid import views as grid_views
from tests.integration.tracking.queued_grid import WORKER, open_queue, state_of

embedded = pytest.mark.parametrize("queue", ["sqlite"], indirect=True)
"""For what is said of a grid: it is the same over HTTP, by which the other tests go too."""


def table(note):
    """The rows of a note's table, as lists of cells, without the standing and what hangs on it."""
    lines = [line for line in note.splitlines() if line.startswith("|")][2:]
    return [
        [cells[1], cells[2], cells[3], *cells[5:]]
        for line in lines
        if (cells := [cell.replace("&emsp;", "").strip() for cell in line.split("|")[1:-1]])
    ]


def test_grid_is_the_parent_of_its_runs(queue):
    grid_id = queue.submit()
    queue.succeed(4)

    queue.ship()

    parent, children = queue.parent(grid_id), queue.in_mlflow(grid_id, "train")
    assert (parent.info.run_name, parent.info.status) == ("gates", "FINISHED")
    assert parent.data.params == {"grid.axes": "cell: rnn, lstm; seed: 0, 1", "grid.size": "4"}
    assert [child.info.run_name for child in children] == [
        *("lstm-s0", "lstm-s1", "rnn-s0", "rnn-s1")
    ]
    for child in children:
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.tags["bptt.config"] == child.info.run_name[:-3]
        assert child.data.metrics["hp/seed"] == int(child.info.run_name[-1])


@embedded
def test_description_is_the_comparison_with_the_best_first(queue):
    grid_id = queue.submit()
    queue.succeed(4)

    queue.ship()

    best, worst = table(queue.note(grid_id))
    assert best[:2] == ["lstm", "2"]
    # two seeds tell nothing, so there is no interval
    assert best[2] == "0.925"
    assert "2 seeds tell nothing; 5 are the least" in queue.note(grid_id)
    assert worst[:2] == ["rnn", "2"]
    assert worst[5] == "2 finished"
    assert "4 succeeded" in queue.note(grid_id)
    assert f"`bptt compare {grid_id}`" in queue.note(grid_id)


def test_description_follows_the_grid_and_counts_what_has_no_value(queue):
    grid_id = queue.submit()
    queue.ship()
    first = queue.parent(grid_id)
    queue.fail()
    queue.succeed(1, outcome="diverged")
    queue.ship()

    second = queue.parent(grid_id)

    assert (first.info.status, second.info.status) == ("RUNNING", "RUNNING")
    assert first.info.run_id == second.info.run_id
    assert [row[5] for row in table(first.data.tags["mlflow.note.content"])] == ["2 queued"] * 2
    assert [row[5] for row in table(second.data.tags["mlflow.note.content"])] == [
        *("1 diverged, 1 failed", "2 queued")
    ]


@embedded
def test_one_process_describes_a_running_grid_once_in_a_while_and_its_end_at_once(queue):
    grid_id = queue.submit()
    shipping = QueueRounds(queue.settings, queue.database, WORKER)
    queue.succeed(1)
    shipping.go()
    queue.succeed(1)
    shipping.go()
    throttled = queue.note(grid_id)
    queue.succeed(2)

    shipping.go()

    assert "1 succeeded" in throttled
    assert "4 succeeded" in queue.note(grid_id)
    assert queue.parent(grid_id).info.status == "FINISHED"


@embedded
def test_cancelled_grid_is_killed_even_if_nothing_of_it_ever_ran(queue):
    grid_id = queue.submit()
    store.cancel_grid(queue.database, grid_id, "ada")

    queue.ship()

    assert queue.parent(grid_id).info.status == "KILLED"
    assert queue.in_mlflow(grid_id, "train") == []


@embedded
def test_extended_grid_goes_on_under_the_same_parent(queue):
    grid_id = queue.submit()
    queue.succeed(4)
    queue.ship()
    first = queue.parent(grid_id)
    queue.extend(grid_id, "seeds=3")
    queue.ship()
    extended = queue.parent(grid_id)
    queue.succeed(2)

    queue.ship()

    last = queue.parent(grid_id)
    assert {first.info.run_id, extended.info.run_id, last.info.run_id} == {first.info.run_id}
    assert [run.info.status for run in (first, extended, last)] == [
        *("FINISHED", "RUNNING", "FINISHED")
    ]
    assert last.data.tags["bptt.size"] == "6"
    assert last.data.tags["bptt.axes"] == "cell: rnn, lstm; seed: 0, 1, 2"
    assert [row[1] for row in table(queue.note(grid_id))] == ["3", "3"]
    assert len(queue.in_mlflow(grid_id, "train")) == 6


@embedded
def test_runs_of_another_grid_are_compared_and_named_but_stay_with_their_parent(queue):
    first = queue.submit()
    done = queue.succeed(4)
    queue.ship()

    second = queue.submit(name="again")
    queue.ship()

    assert queue.parent(second).info.status == "FINISHED"
    assert [row[1] for row in table(queue.note(second))] == ["2", "2"]
    assert queue.in_mlflow(second, "train") == []
    assert f"Already run by grid `{first}` (ada)" in queue.note(second)
    for run_id in done:
        mlflow_id = store.get_run(queue.database, run_id).mlflow_run_id
        assert f"[{run_id}](#/runs/{mlflow_id})" in queue.note(second)


@embedded
def test_runs_stay_named_after_the_grid_that_ran_them_when_it_is_deleted(queue):
    first = queue.submit()
    queue.succeed(4)
    second = queue.submit(name="again")
    queue.ship()
    before = queue.note(second)
    store.delete_grid(queue.database, first, "ada")

    queue.ship()

    assert f"Already run by grid `{first}`" in before
    assert f"Already run by grid `{first}`" in queue.note(second)
    assert [row[1] for row in table(queue.note(second))] == ["2", "2"]


def test_deleted_grid_loses_its_views_and_says_so_but_keeps_its_runs(queue):
    kept, deleted = queue.submit(), queue.submit("cell=gru", name="other")
    queue.succeed(3)
    store.cancel_grid(queue.database, deleted, "ada")
    queue.ship()
    note = queue.note(deleted)
    store.delete_grid(queue.database, deleted, "ada")

    queue.ship()

    assert list(grid_views.viewed(queue.tags())) == [kept]
    assert queue.note(deleted).startswith("*This grid was deleted")
    assert queue.note(deleted).endswith(note)


@embedded
def test_views_of_a_strangers_grid_are_left_alone(queue, tmp_path):
    mine = queue.submit()
    queue.ship()
    stranger = open_queue(tmp_path / "stranger", queue.target.uri, queue.project)
    stranger.settings = queue.settings
    theirs = stranger.submit()

    stranger.ship()
    queue.ship()
    stranger.database.close()

    assert set(grid_views.viewed(queue.tags())) == {mine, theirs}


def test_each_view_shows_the_runs_of_its_grid_alone_by_a_metric(queue):
    grid_id = queue.submit()
    queue.succeed(4)
    queue.ship()
    client = connect(queue.target)
    experiment = client.get_experiment_by_name(queue.project)

    shown = {}
    for view in grid_views.KEYS:
        tag = queue.tags()[f"{charts.PREFIX}{grid_views.key(grid_id, view)}"]
        state = state_of(tag)
        found = client.search_runs(
            [experiment.experiment_id],
            state["searchFilter"],
            order_by=[f"{state['orderByKey']} {'ASC' if state['orderByAsc'] else 'DESC'}"],
        )
        shown[view] = [run.info.run_name for run in found]

    assert sorted(shown[grid_views.MEAN][:2]) == ["lstm-s0", "lstm-s1"]
    assert sorted(shown[grid_views.TABLE]) == ["lstm-s0", "lstm-s1", "rnn-s0", "rnn-s1"]
    # pictures are drawn from the end of the list
    assert shown[grid_views.HEAT_MAPS] == ["rnn-s0", "lstm-s0"]


def test_links_lead_to_the_views_and_without_them_to_the_same_runs(queue):
    grid_id = queue.submit()
    queue.succeed(1)
    queue.ship()
    grid = tracking.SubmittedGrid(grid_id, "gates", queue.project, "ada", 0)

    links = tracking.grid_links(queue.target, "http://here", grid)
    plain = grid_views.links("http://here", "7", {}, grid_id)

    assert list(links) == ["comparison", "mean over seeds", "heat maps", "table"]
    assert queue.parent(grid_id).info.run_id in links["comparison"]
    for view in grid_views.KEYS:
        assert f"viewStateShareKey={grid_views.key(grid_id, view)}" in links[view]
        assert f"%27{grid_id}%27" in plain[view]
        assert "orderByKey=metrics" in plain[view]
    assert all(
        "workflowType=machine_learning" in link for link in [*links.values(), *plain.values()]
    )


@embedded
def test_no_grid_means_no_links(queue):
    grid_id = queue.submit()
    grid = tracking.SubmittedGrid(grid_id, "gates", queue.project, "ada", 0)

    assert tracking.grid_links(queue.target, "http://here", grid) == {}


@embedded
def test_many_grids_of_a_project_keep_the_newest_views(queue, monkeypatch):
    monkeypatch.setattr("bptt.tracking.grid.parent.NEWEST", 2)
    made = []
    for number in range(4):
        made.append(queue.submit("seeds=1", "cell=rnn", name=f"g{number}", hold=True))
        queue.ship()

    assert list(grid_views.viewed(queue.tags())) == made[-2:]


def test_only_changed_files_are_uploaded(queue):
    grid_id = queue.submit()
    queue.ship()
    row = store.get_grid(queue.database, grid_id)
    grid = tracking.SubmittedGrid(
        grid_id, row.name, row.project, row.user, int(row.created_at * 1000)
    )
    client, parent = connect(queue.target), queue.parent(grid_id).info.run_id
    tracking.upload_to_grid(queue.target, grid, {"plots/a.png": b"first", "plots/b.png": b"b"})
    uploaded = []
    real = type(client).log_artifacts

    def watched(self, run_id, folder, *arguments):
        uploaded.extend(sorted(p.name for p in Path(folder).rglob("*.png")))
        return real(self, run_id, folder, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(client), "log_artifacts", watched)
        tracking.upload_to_grid(queue.target, grid, {"plots/a.png": b"second", "plots/b.png": b"b"})

    assert uploaded == ["a.png"]
    path = client.download_artifacts(parent, "plots/a.png")
    with open(path, "rb") as file:
        assert file.read() == b"second"
    assert {f.path for f in client.list_artifacts(parent)} == {"plots", "summary.json"}


def test_summary_holds_the_whole_comparison(queue):
    grid_id = queue.submit()
    queue.succeed(4)
    queue.ship()
    client = connect(queue.target)

    with open(client.download_artifacts(queue.parent(grid_id).info.run_id, "summary.json")) as file:
        (comparison,) = json.load(file)

    assert [group["config"] for group in comparison["groups"]] == ["lstm", "rnn"]
    assert comparison["metric"] == "accuracy"
