"""Slopes that an earlier version computed otherwise are computed again where their arrays are."""

import json

import numpy as np
import pytest

from bptt.cli.summary import summarize
from bptt.measuring.earlier import is_of_earlier_estimator, with_present_figures
from bptt.records.runs import MissingPoint, Run
from bptt.run_folder import RunFolder
from tests.histories import staircase

EARLIER = {"flow/slope": 0.00806, "flow/half_life": None, "eval/loss": 0.5}


def listed(metrics, run_id="abcde-0"):
    unknown = dict.fromkeys(Run.__dataclass_fields__)
    return Run(**unknown | {"run_id": run_id, "result": {"metrics": metrics, "metric": "accuracy"}})


@pytest.fixture
def finished(tmp_path):
    """Return a function: probes of a run -> the folder of all runs, with that one in it."""

    def write(stacked=False, **probes):
        folder = RunFolder.of_attempt(tmp_path, "abcde-0", 2)
        folder.probes.mkdir(parents=True)
        (folder.path / "result.json").write_text("{}")
        for step, arrays in probes.items():
            np.savez(folder.probes / f"{step[1:]:0>8}.npz", **arrays)
        if stacked:
            (folder.artifacts / "flow").mkdir(parents=True)
            rows = {name: np.stack([0 * values, values]) for name, values in staircase().items()}
            rows["anchors"][0] = rows["anchors"][1]
            np.savez(folder.artifacts / "flow" / "flow.npz", steps=np.array([0, 9]), **rows)
        return tmp_path

    return write


@pytest.mark.parametrize("stacked", [False, True], ids=["probe files", "one file"])
def test_figures_of_an_earlier_version_come_from_the_last_probe(finished, stacked):
    rising = staircase() | {"lag/0/forward/h": 1 / staircase()["lag/0/forward/h"]}
    runs = finished(stacked=True) if stacked else finished(s0=rising, s12=staircase())

    (run,) = with_present_figures([listed(EARLIER)], runs)

    found = run.result["metrics"]
    assert found["flow/slope"] == pytest.approx(-0.1)
    assert found["flow/half_life"] == pytest.approx(3.0103, abs=1e-4)
    assert found["flow/horizon"] is None
    assert found["eval/loss"] == 0.5
    assert not is_of_earlier_estimator(found)
    json.dumps(found, allow_nan=False)


def test_figures_without_their_arrays_stay_and_can_be_told(finished):
    runs = finished()

    (run,) = with_present_figures([listed(EARLIER)], runs)
    (elsewhere,) = with_present_figures([listed(EARLIER, "fghij-0")], runs)

    assert run.result["metrics"] == elsewhere.result["metrics"] == EARLIER
    assert is_of_earlier_estimator(run.result["metrics"])


def test_figures_of_this_version_are_not_computed_again(finished):
    runs = finished(s0=staircase())
    present = listed({"flow/slope": 0.5, "flow/reach": 0.1})
    nothing = MissingPoint(name="a", config="b", seed=0, values={})

    found = with_present_figures([present, listed({"eval/loss": 1.0}), nothing], runs)

    assert [run.result and run.result["metrics"] for run in found] == [
        {"flow/slope": 0.5, "flow/reach": 0.1},
        {"eval/loss": 1.0},
        None,
    ]


def test_a_run_that_is_shown_has_the_present_figures(tmp_path, make_spec):
    folder = RunFolder(tmp_path / "run-1")
    spec = make_spec().model_dump(mode="json")
    folder.create({"run_id": "run-1", "name": "run-1", "project": "p", "spec": spec})
    folder.probes.mkdir()
    np.savez(folder.probes / "00000000.npz", **staircase())
    journal = folder.open_journal()
    journal.append({"step": 0, "time": 1, "metrics": EARLIER})
    journal.close()

    assert summarize(folder).metrics["flow/slope"] == pytest.approx(-0.1)


def test_a_gradient_without_a_reach_is_not_taken_for_an_earlier_versions():
    assert not is_of_earlier_estimator({"flow/slope": 0.3, "flow/slope_lowest": 0.3})
