"""What a run becomes in MLflow, over HTTP and straight into SQLite."""

import math
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from bptt.tracking import add_heat_map, is_shipped, ship, unshipped
from bptt.tracking.client import connect
from bptt.tracking.grid import saved_view
from bptt.tracking.run.context import RunContext
from bptt.tracking.run.pictures import HEAT_MAPS
from bptt.tracking.run.state import Shipped

ENDED = 1_763_885_100_000


def test_ended_run_arrives_exactly_once(make_run, target, stored):
    run = make_run()
    run.write_whole()

    state = ship(run.folder, target)

    found = stored(target, run.folder)
    assert state.complete
    assert found.number == 1
    assert found.points == run.points


def test_ended_run_has_its_own_times_and_status(make_run, target, stored):
    run = make_run()
    run.write_whole()

    ship(run.folder, target)

    info = stored(target, run.folder).run.info
    assert (info.run_name, info.status) == ("lstm-s0", "FINISHED")
    assert (info.start_time, info.end_time) == (1_763_884_800_000, ENDED)


def test_run_is_complete_without_its_heat_map_which_comes_once(make_run, target, stored):
    run = make_run()
    run.write_whole()

    state = ship(run.folder, target, RunContext(heat_map=False))
    found = stored(target, run.folder)
    early, points, pictures = found.run, found.points, found.artifacts("images")
    add_heat_map(run.folder, target)
    drawn, at = found.artifacts("images"), Shipped.read(run.folder, target.uri).heat_maps
    add_heat_map(run.folder, target)

    assert state.complete
    assert points == run.points
    assert (early.info.status, early.info.end_time) == ("FINISHED", ENDED)
    assert early.data.tags["bptt.sync"] == "complete"
    assert pictures == []
    assert (len(drawn), at) == (2, HEAT_MAPS)
    assert found.artifacts("images") == drawn
    assert found.points == run.points


def test_heat_map_of_a_run_that_mlflow_lacks_is_not_drawn(make_run, target, stored):
    run = make_run()
    run.write_whole()

    add_heat_map(run.folder, target)

    assert stored(target, run.folder).number == 0


def test_heat_map_that_was_sent_during_training_is_sent_again_at_the_end(make_run, target, stored):
    run = make_run()
    run.probe(0)
    run.metrics(0, train_loss=1.0)
    run.commit()
    ship(run.folder, target)
    first = stored(target, run.folder).picture()
    run.probe(100)
    run.finish()

    ship(run.folder, target, RunContext(heat_map=False))

    found = stored(target, run.folder)
    assert len(found.artifacts("images")) == 2
    assert found.picture() != first


def test_run_carries_its_spec_and_who_it_is(make_run, target, stored):
    run = make_run()
    run.write_whole()

    ship(run.folder, target)

    data = stored(target, run.folder).run.data
    assert data.params["cell"] == "lstm"
    assert data.params["lr"] == "0.001"
    assert data.params["truncation"] == "none"
    assert data.metrics["hp/length"] == 60
    assert data.metrics["hp/hidden_size"] == 32
    assert data.tags["bptt.config"] == "lstm"
    assert data.tags["bptt.outcome"] == "finished"
    assert data.tags["bptt.sync"] == "complete"


def test_lag_curves_are_log10_norms_over_the_lag(make_run, target, stored):
    run = make_run()
    run.write_whole()

    ship(run.folder, target)

    found = stored(target, run.folder)
    for name, step in (("init", 0), ("mid", 50), ("final", 100)):
        # h and c have the same norm in this history, and together the root of 2 times that
        first = -1 - step / 100 + math.log10(2) / 2
        expected = {lag: pytest.approx(first - lag / 10, abs=1e-5) for lag in range(60)}
        assert found.curve(f"flow_lag/{name}") == expected


def test_artifacts_and_heat_map_are_there(make_run, target, stored):
    run = make_run()
    run.write_whole()

    ship(run.folder, target)

    found = stored(target, run.folder)
    small, image = found.artifacts("images")
    assert image.startswith("images/flow~heatmap+step+0+timestamp+1763884800000+")
    assert small == image.replace(".png", "+compressed.webp")
    assert set(found.artifacts()) - {image, small} == {
        "config.yaml",
        "env.txt",
        "flow/flow.npz",
    }
    assert found.run.data.tags["mlflow.loggedImages"] == "True"


def test_what_a_database_in_the_home_has_of_a_run_takes_no_room_of_its_own(
    make_run, sqlite_target, stored
):
    run = make_run()
    run.write_whole()
    ship(run.folder, sqlite_target)

    found = stored(sqlite_target, run.folder).run
    place = Path(url2pathname(urlsplit(found.info.artifact_uri).path))
    own = [path for path in run.folder.artifacts.rglob("*") if path.is_file()]
    assert all((place / f.relative_to(run.folder.artifacts)).samefile(f) for f in own)
    small, png = sorted((place / "images").iterdir())
    assert small.samefile(png)
    assert not list(run.folder.path.rglob("*.png"))
    assert not (run.folder.path / "shipped.lock").exists()


def test_replay_from_the_first_byte_adds_nothing(make_run, target, stored):
    run = make_run()
    run.write_whole()
    ship(run.folder, target)
    first = stored(target, run.folder)
    files, curve = first.artifacts(), first.curve("flow_lag/final")
    (run.folder.path / "shipped.json").unlink()

    ship(run.folder, target)

    again = stored(target, run.folder)
    assert (again.number, again.points) == (1, run.points)
    assert (again.artifacts(), again.curve("flow_lag/final")) == (files, curve)


def test_only_what_is_committed_is_sent(make_run, target, stored):
    run = make_run()
    run.metrics(0, train_loss=1.0)
    run.commit()
    committed = run.points.copy()
    run.metrics(1, train_loss=0.5)

    state = ship(run.folder, target)

    assert not state.complete
    assert stored(target, run.folder).points == committed
    assert stored(target, run.folder).run.info.status == "RUNNING"


def test_what_is_not_finite_is_stored_as_nan(make_run, target, stored):
    run = make_run()
    run.metrics(0, train_loss=1.0)
    run.metrics(1, train_loss=None)
    run.finish("diverged")

    ship(run.folder, target)

    found = stored(target, run.folder)
    assert math.isnan(found.run.data.metrics["train/loss"])
    assert found.points == run.points
    assert found.run.info.status == "FINISHED"
    assert found.run.data.tags["bptt.outcome"] == "diverged"


def test_long_journal_is_sent_in_several_requests(make_run, target, stored):
    run = make_run()
    for step in range(700):
        run.metrics(step, train_loss=float(step), grad_norm=1.0, grad_x=2.0, grad_y=3.0)
    run.finish()

    ship(run.folder, target)

    assert stored(target, run.folder).points == run.points


def test_layers_beyond_the_first_are_left_out_and_named(make_run, target, stored):
    run = make_run()
    run.metrics(0, **{f"layer_{n}_grad_norm": 1.0 for n in range(10)}, train_loss=1.0)
    run.finish()

    ship(run.folder, target)

    data = stored(target, run.folder).run.data
    assert sum(key.startswith("layer/") for key in data.metrics) == 8
    assert data.metrics["train/loss"] == 1.0
    assert data.tags["bptt.keys_left_out"] == "layer/8_grad_norm, layer/9_grad_norm"


def test_experiment_opens_with_our_view(make_run, target, stored):
    run = make_run()
    run.finish()

    ship(run.folder, target)

    found = stored(target, run.folder).run.info.experiment_id
    experiment = connect(target).get_experiment(found)
    link = saved_view.link("http://here", found, experiment.tags)
    assert f"viewStateShareKey={saved_view.KEY}" in link
    assert "workflowType=machine_learning" in link


def test_unshipped_passes_over_what_has_arrived(make_run, target, tmp_path):
    done, going_on, waiting = make_run(), make_run(), make_run()
    done.finish()
    going_on.metrics(0, train_loss=1.0)
    going_on.commit()
    for run in (done, going_on):
        ship(run.folder, target)
    going_on.metrics(1, train_loss=1.0)
    waiting.metrics(0, train_loss=1.0)
    waiting.commit()
    (tmp_path / "runs" / "a file").touch()
    (tmp_path / "runs" / "no run").mkdir()

    left = unshipped(tmp_path / "runs")

    assert [folder.run_id for folder in left] == [waiting.folder.run_id]
    assert is_shipped(going_on.folder)


def test_no_runs_folder_means_nothing_is_left(tmp_path):
    assert unshipped(tmp_path / "none") == []


@pytest.mark.parametrize(("ended", "status"), [("failed", "FAILED"), ("cancelled", "KILLED")])
def test_run_without_a_result_ends_as_it_did(make_run, target, stored, ended, status):
    run = make_run()
    run.probe(0)
    run.metrics(0, train_loss=1.0)
    run.commit()
    committed = run.points.copy()
    run.metrics(5, train_loss=0.9)
    ship(run.folder, target, RunContext("training"))

    run.folder.write("failure", {"message": "RuntimeError: no.", "cause": "plugin_error"})
    state = ship(run.folder, target, RunContext(ended))
    again = ship(run.folder, target, RunContext(ended))

    found = stored(target, run.folder)
    assert state.complete
    assert again == state
    assert found.run.info.status == status
    assert found.points == committed
    assert found.run.data.tags["bptt.outcome"] == ended
    assert found.run.data.tags.get("bptt.failure") == (
        "RuntimeError: no." if ended == "failed" else None
    )


def test_result_of_a_cancelled_run_does_not_count(make_run, target, stored):
    run = make_run()
    run.write_whole()

    ship(run.folder, target, RunContext("cancelled"))

    assert stored(target, run.folder).run.info.status == "KILLED"


def test_run_that_failed_before_its_first_figure_is_there_as_failed(make_run, target, stored):
    run = make_run()

    state = ship(run.folder, target, RunContext("failed"))

    assert state.complete
    assert stored(target, run.folder).run.info.status == "FAILED"
