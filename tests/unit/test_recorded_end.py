"""What is left of a run that has ended: each thing once, wherever it may have died before."""

import os
import shutil

import numpy as np
import pytest
import torch

from bptt.damage import find_damage
from bptt.execution.recording import Recorder
from bptt.measuring.stored import load_probes
from bptt.run_folder import RunFolder
from bptt.training import TrainingRun, train
from tests.unit.test_recording import STEPS, record


@pytest.fixture
def folder(tmp_path):
    made = RunFolder(tmp_path / "run")
    made.create({"run_id": "run"})
    return made


@pytest.fixture
def spec(make_spec):
    return make_spec(
        cell="lstm",
        statistics={"interval": 2},
        training={"steps": STEPS, "evaluate_every": 2, "stop_when_solved": False},
    )


def damaged_arrays(folder):
    found = [one.path for one in find_damage(folder, succeeded=True)]
    return [path for path in found if path.suffix == ".npz"]


def files(folder):
    return {str(f.relative_to(folder.path)) for f in folder.path.rglob("*") if f.is_file()}


def test_an_ended_run_has_nothing_twice(folder, spec):
    run = TrainingRun(spec)
    measured = {}
    recorder = Recorder(folder, run)
    for report in train(run):
        recorder.record(report)
        if report.probe:
            measured[report.step] = {name: a.clone() for name, a in report.probe.items()}
        if report.step == 3:
            recorder.checkpoint()
    before = files(folder)

    recorder.finish()
    recorder.close()

    assert {"checkpoint.pt", "checkpoint.previous.pt", "probe/00000000.npz"} <= before
    assert files(folder) == {
        *("run.json", "journal.jsonl", "committed.json", "result.json"),
        *(f"artifacts/{name}" for name in ("checkpoints/best.pt", "checkpoints/last.pt")),
        "artifacts/flow/flow.npz",
    }
    found = dict(load_probes(folder))
    assert list(found) == list(measured) == [0, 2, 4, 6]
    for step, arrays in measured.items():
        for name, values in arrays.items():
            assert np.array_equal(found[step][name], values.numpy(), equal_nan=True), name


def test_last_weights_that_are_the_best_take_no_room_of_their_own(folder, spec):
    run = TrainingRun(spec)
    scores = iter([0.1, 0.2, 0.3, 0.4])
    main = run.evaluation.sets[""]
    run.task.metrics = lambda outputs, batch: {
        "accuracy": torch.tensor(next(scores) if batch is main else 0.5)
    }

    record(folder, run)

    best, last = (folder.artifacts / "checkpoints" / f"{name}.pt" for name in ("best", "last"))
    assert best.samefile(last)


def test_a_run_that_dies_anywhere_at_its_end_ends_as_one_that_did_not(
    folder, tmp_path, spec, monkeypatch
):
    calm = RunFolder(tmp_path / "calm")
    calm.create({"run_id": "calm"})
    expected = record(calm, TrainingRun(spec))
    changes = ("replace", "link", "unlink", "rmdir")
    real = {name: getattr(os, name) for name in changes}
    done = 0

    class Died(BaseException):
        pass

    def dying_at(number):
        left = [number]

        def patched(name):
            def act(*arguments, **options):
                left[0] -= 1
                if left[0] < 0:
                    raise Died
                return real[name](*arguments, **options)

            return act

        for name in changes:
            monkeypatch.setattr(os, name, patched(name))

    while True:
        shutil.rmtree(folder.path)
        folder.create({"run_id": "run"})
        run = TrainingRun(spec)
        recorder = Recorder(folder, run)
        for report in train(run):
            recorder.record(report)
            if report.step in (2, 4):
                recorder.checkpoint()
        dying_at(done)
        try:
            recorder.finish()
        except Died:
            ended = False
        else:
            ended = True
        finally:
            monkeypatch.undo()
            recorder.close()
        if not folder.is_finished:
            record(folder, TrainingRun(spec))
        result = folder.read_result()
        assert (result.hash, result.outcome) == (expected.hash, "finished"), done
        assert folder.flow.read_bytes() == calm.flow.read_bytes(), done
        assert [p.step for p in load_probes(folder)] == [0, 2, 4, 6], done
        assert damaged_arrays(folder) == []
        if ended:
            break
        done += 1

    assert done > 5


def test_a_probe_that_can_no_longer_be_read_keeps_the_others_where_they_are(folder, spec):
    record(folder, TrainingRun(spec), until=5, checkpoint_at={4})
    (folder.probes / "00000002.npz").write_bytes(b"PK\x03\x04 torn")

    record(folder, TrainingRun(spec))

    assert not folder.flow.exists()
    assert [probe.step for probe in load_probes(folder)] == [0, 4, 6]
    assert damaged_arrays(folder) == [folder.probes / "00000002.npz"]


def test_a_file_of_all_probes_that_is_torn_is_damage(folder, spec):
    record(folder, TrainingRun(spec))
    folder.flow.write_bytes(folder.flow.read_bytes()[:-40])

    assert damaged_arrays(folder) == [folder.flow]
    assert load_probes(folder) == []
