"""What the recorder of a run leaves in its folder, at any moment and at the end."""

import json
import math

import pytest
import torch

from bptt.execution import recording
from bptt.execution.checkpoint import from_bytes
from bptt.execution.recording import Recorder
from bptt.records.documents import Divergence
from bptt.run_folder import RunFolder
from bptt.training import TrainingRun, train

STEPS = 6


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


def record(folder, run, until=None, checkpoint_at=()):
    """Record a run up to a step, as `execute` does; return the result of one that ended."""
    recorder = Recorder(folder, run)
    try:
        for report in train(run):
            recorder.record(report)
            if report.step in checkpoint_at:
                recorder.checkpoint()
            if report.step == until:
                return None
        return recorder.finish()
    finally:
        recorder.close()


def saved(folder):
    return from_bytes(folder.checkpoint.read_bytes())


def committed(folder):
    return folder.read("committed")["journal"]


def journal(folder, key):
    return [(record["step"], record[key]) for _, record in folder.records() if record.get(key)]


def test_checkpoint_exists_before_the_first_update(folder, spec):
    run = TrainingRun(spec)
    initial = run.parameters.flat.tolist()

    Recorder(folder, run).close()

    assert saved(folder)["run"]["parameters"].tolist() == initial
    assert saved(folder)["run"]["step"] == 0
    assert saved(folder)["journal"] == committed(folder) == 0


def test_only_what_a_checkpoint_holds_is_committed(folder, spec):
    run = TrainingRun(spec)
    recorder = Recorder(folder, run)

    for report in train(run):
        recorder.record(report)
        assert committed(folder) == saved(folder)["journal"] < folder.journal.stat().st_size
        if report.step in (2, 4):
            recorder.checkpoint()
            assert committed(folder) == saved(folder)["journal"] == folder.journal.stat().st_size
    recorder.finish()
    recorder.close()

    assert committed(folder) == folder.journal.stat().st_size


def test_checkpoint_that_could_not_be_written_commits_nothing(folder, spec, monkeypatch):
    record(folder, TrainingRun(spec), until=3, checkpoint_at={2})
    before = committed(folder)
    run = TrainingRun(spec)
    recorder = Recorder(folder, run)
    recorder.record(next(train(run)))

    def fail(path, content):
        raise OSError("no space left on device")

    monkeypatch.setattr(recording, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        recorder.checkpoint()
    recorder.close()

    assert committed(folder) == before == saved(folder)["journal"]


def test_resumed_run_says_where_and_repeats_no_figure(folder, tmp_path, spec):
    calm = RunFolder(tmp_path / "calm")
    calm.create({"run_id": "calm"})
    record(calm, TrainingRun(spec))

    record(folder, TrainingRun(spec), until=5, checkpoint_at={3})
    record(folder, TrainingRun(spec))

    assert (3, {"bptt.resumed_at": 3}) in journal(folder, "tags")
    for key in ("metrics", "probe"):
        one, other = (
            [(step, drop_clock(content)) for step, content in journal(f, key)]
            for f in (folder, calm)
        )
        assert one == other


def drop_clock(content):
    if isinstance(content, str):
        return content
    return {name: value for name, value in content.items() if not name.startswith("sys/")}


def test_run_that_was_never_interrupted_has_no_resumed_tag(folder, spec):
    record(folder, TrainingRun(spec))

    assert journal(folder, "tags") == [(STEPS, {"bptt.outcome": "finished"})]


def test_divergence_is_tagged_with_its_place(folder, spec):
    run = TrainingRun(spec)
    run.model.read_out.bias.register_hook(lambda g: g * torch.nan if run.step == 3 else g)

    result = record(folder, run)

    tags = {
        "bptt.outcome": "diverged",
        "bptt.diverged_at": 3,
        "bptt.diverged_tensor": "gradient of read_out.bias",
    }
    assert journal(folder, "tags") == [(3, tags)]
    assert result.divergence == Divergence(step=3, tensor="gradient of read_out.bias")
    assert (result.outcome, result.step) == ("diverged", 3)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_figure_that_is_no_number_is_null_in_the_journal(folder, spec, value):
    run = TrainingRun(spec)
    run.task.metrics = lambda outputs, batch: {
        "accuracy": torch.tensor(value),
        "kept": torch.tensor(0.5),
    }

    record(folder, run)

    text = folder.journal.read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    evaluated = [m for _, m in journal(folder, "metrics") if "eval/accuracy" in m]
    assert [step for step, m in journal(folder, "metrics") if "eval/accuracy" in m] == [0, 2, 4, 6]
    assert all(m["eval/accuracy"] is None for m in evaluated)
    assert all(m["eval/kept"] == 0.5 for m in evaluated)
    assert json.loads((folder.path / "result.json").read_text())["metrics"]["eval/accuracy"] is None


def test_every_tenth_log_line_and_the_last_tell_speed_memory_and_share(folder, make_spec):
    record(folder, TrainingRun(make_spec(training={"steps": 24}, statistics={"interval": 8})))

    lines = [(step, m) for step, m in journal(folder, "metrics") if "train/loss" in m]
    assert [step for step, _ in lines] == list(range(1, 25))
    telling = {step: m for step, m in lines if any(name.startswith("sys/") for name in m)}
    assert list(telling) == [10, 20, 24]
    for metrics in telling.values():
        assert 0 < metrics["sys/statistics_share"] < 1
        assert metrics["sys/steps_per_s"] > 0
        assert metrics["sys/rss_mb"] > 10


def test_share_of_statistics_is_zero_without_them(folder, make_spec):
    record(folder, TrainingRun(make_spec()))

    told = [m["sys/statistics_share"] for _, m in journal(folder, "metrics") if "sys/rss_mb" in m]
    assert told == [0]


def test_result_says_what_a_comparison_needs_where_the_task_is_not_installed(folder, make_spec):
    content = {"name": "agreement"}
    run = TrainingRun(make_spec(content, training={"steps": 1}, statistics={"interval": 0}))

    result = record(folder, run)

    assert result.training_only == ["objective"]
    assert result.directions == {"error": "lower"}


def test_weights_left_behind_give_the_outputs_of_the_run(folder, spec):
    run = TrainingRun(spec)
    batch, _ = run.data.batch(100)
    outputs = {}
    recorder = Recorder(folder, run)
    for report in train(run):
        recorder.record(report)
        with torch.no_grad():
            outputs[report.step] = run.model(batch).outputs
    recorder.finish()
    recorder.close()
    steps = {"last": STEPS, "best": int(run.evaluation.best["best/step"])}

    for name, step in steps.items():
        file = folder.artifacts / "checkpoints" / f"{name}.pt"
        fresh = TrainingRun(spec.model_copy(update={"seed": 9})).model
        fresh.load_state_dict(torch.load(file, weights_only=True))
        with torch.no_grad():
            found = fresh(batch).outputs
        assert torch.equal(found, outputs[step]), name
    assert not torch.equal(outputs[0], outputs[STEPS])


def test_best_weights_are_those_of_the_best_step_and_not_the_last(folder, spec):
    run = TrainingRun(spec)
    scores = iter([0.1, 0.9, 0.2, 0.3])
    main = run.evaluation.sets[""]
    run.task.metrics = lambda outputs, batch: {
        "accuracy": torch.tensor(next(scores) if batch is main else 0.5)
    }

    result = record(folder, run)

    assert result.best == {
        "eval_accuracy": pytest.approx(0.9),
        "step": 2,
        "test_accuracy": 0.5,
    }
    best, last = (
        torch.load(folder.artifacts / "checkpoints" / f"{name}.pt", weights_only=True)
        for name in ("best", "last")
    )
    assert best.keys() == last.keys()
    assert not torch.equal(best["read_out.weight"], last["read_out.weight"])


def test_identity_changes_with_the_version_of_a_plugin(spec):
    versions = {"cell": "bptt 0.1.0", "task": "bptt 0.1.0", "clipper": "bptt 0.1.0"}
    identity = spec.identity(versions)

    assert spec.identity(dict(reversed(versions.items()))) == identity
    for kind in versions:
        assert spec.identity(versions | {kind: "bptt 0.1.1"}) != identity
    assert spec.identity(versions, data="other") != identity
