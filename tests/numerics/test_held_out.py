"""What a run is measured on once, at its end, against the same by hand."""

import json
import math

import pytest
import torch
import torch.nn.functional as F

from bptt import registry
from bptt.batches.sets import draw_test_sets
from bptt.contracts import Batch
from bptt.network.model import build_model
from bptt.seeding import stream
from bptt.spec import RunSpec
from bptt.training import TrainingRun, evaluation, train

LONG = {"training": {"steps": 30, "evaluate_every": 10, "stop_when_solved": False}}


def ended(spec, change=None):
    """Train to the end; return the run and its last report."""
    run = TrainingRun(spec)
    if change:
        change(run)
    *_, report = train(run)
    return run, report


def by_hand(spec, weights, batch):
    """Return what a fresh model with these weights says of a batch."""
    model = build_model(spec, registry.construct("task", spec.task.name, spec.task.options))
    model.load_state_dict(weights)
    with torch.no_grad():
        return model(batch).outputs


def test_the_test_set_is_scored_with_the_last_weights_and_the_best(make_spec):
    spec = make_spec({"name": "latch", "length": 5}, **LONG)
    scores = iter([0.1, 0.9, 0.2, 0.3])

    def change(run):
        own = run.task.metrics
        main = run.evaluation.sets[""]
        run.task.metrics = lambda outputs, batch: (
            {"accuracy": torch.tensor(next(scores))} if batch is main else own(outputs, batch)
        )

    run, report = ended(spec, change)

    drawn = registry.construct("task", "latch", spec.task.options).sample(stream(0, "test"), 16)
    found = {
        kind: (by_hand(spec, weights, drawn).argmax(-1) == drawn.targets).float().mean().item()
        for kind, weights in run.weights().items()
    }
    loss = F.cross_entropy(by_hand(spec, run.weights()["last"], drawn), drawn.targets).item()
    assert run.evaluation.best["best/step"] == 10
    assert report.metrics["test/accuracy"] == pytest.approx(found["last"])
    assert report.metrics["best/test_accuracy"] == pytest.approx(found["best"])
    assert report.metrics["test/loss"] == pytest.approx(loss)


def test_only_the_last_report_has_a_test(make_spec):
    reports = list(train(TrainingRun(make_spec("tickets", **LONG))))

    tested = [r.step for r in reports if any(k.startswith("test/") for k in r.metrics)]

    assert tested == [30]
    names = ["", *(f"_fillers_{k}" for k in (0, 1, 2, 4, 8, 12))]
    assert {k for k in reports[-1].metrics if k.startswith("test/")} == {
        f"test/{metric}{name}" for metric in ("loss", "accuracy") for name in names
    }


def test_a_task_that_has_one_set_for_both_is_not_tested(make_spec):
    def change(run):
        run.held_out._kept = run.evaluation.sets

    run, report = ended(make_spec(**LONG), change)

    assert not any(name.startswith(("test/", "best/test")) for name in report.metrics)
    assert not run.held_out.split.tested
    assert run.held_out.split.seen["eval"] == {"": 0.0}


def test_a_run_that_diverges_is_not_tested(make_spec):
    def change(run):
        run.model.read_out.weight.register_hook(lambda gradient: gradient * math.nan)

    _, report = ended(make_spec(**LONG), change)

    assert report.outcome.name == "diverged"
    assert not any(name.startswith(("test/", "seen/")) for name in report.metrics)


def test_other_options_of_the_task_are_measured_and_change_nothing_else(make_spec):
    plain = make_spec({"name": "latch", "length": 5}, **LONG)
    asked = make_spec(
        {"name": "latch", "length": 5}, evaluation={"options": {"length": [9, 3]}}, **LONG
    )

    (run, report), (other, expected) = ended(asked), ended(plain)

    assert torch.equal(run.parameters.flat, other.parameters.flat)
    more = {k: v for k, v in report.metrics.items() if k not in expected.metrics}
    assert {k: v for k, v in report.metrics.items() if k not in more} == expected.metrics
    assert list(more) == [
        *("test/loss_length_9", "test/accuracy_length_9"),
        *("test/loss_length_3", "test/accuracy_length_3"),
    ]
    task = registry.construct("task", "latch", {"length": 9})
    batch = draw_test_sets(task, 0, 16, 1)[""]
    assert batch.inputs.shape == (9, 16)
    outputs = by_hand(plain, run.weights()["last"], batch)
    loss = F.cross_entropy(outputs, batch.targets).item()
    assert more["test/loss_length_9"] == pytest.approx(loss)


def test_a_spec_without_other_options_is_what_it_was_before_there_were_any(make_spec):
    plain = make_spec()
    asked = make_spec(evaluation={"options": {"length": [9, 3]}})

    again = RunSpec.model_validate(json.loads(json.dumps(asked.model_dump(mode="json"))))

    assert "evaluation" not in json.loads(plain.canonical())
    assert "evaluation" not in plain.model_dump(mode="json")
    assert plain.identity({}) != asked.identity({})
    assert again == asked
    assert again.canonical() == asked.canonical()
    assert '"evaluation":{"options":{"length":[9,3]}}' in asked.canonical()


@pytest.fixture
def text(tmp_path):
    drawn = torch.randint(4, (6000,), generator=stream(0, "text"))
    path = tmp_path / "text.txt"
    path.write_text("".join("abcd"[i] for i in drawn.tolist()))
    return str(path)


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("positions", [1, 7, 2**15])
def test_a_text_is_read_by_one_state_from_its_first_character_to_its_last(
    make_spec, text, monkeypatch, cell, positions
):
    monkeypatch.setattr(evaluation, "POSITIONS", positions)
    spec = make_spec({"name": "char_lm", "text": text, "window": 8}, cell, training={"steps": 1})
    run = TrainingRun(spec)

    metrics = run.evaluation.measure(run.model, 0)
    *_, report = train(run)

    batch = run.evaluation.sets[""]
    assert batch.inputs.shape == (128, 1)
    assert metrics["eval/bits_per_char"] == pytest.approx(bits(spec, run, batch, "init"), rel=1e-5)
    tested = run.task.test_sets(None, 16)[""]
    assert tested.inputs.shape == (299, 1)
    assert report.metrics["test/bits_per_char"] == pytest.approx(
        bits(spec, run, tested, "last"), rel=1e-5
    )


def bits(spec, run, batch, weights):
    """Return bits per character, the model given one character at a time."""
    model = build_model(spec, run.task)
    if weights == "last":
        model.load_state_dict(run.weights()["last"])
    state, total = None, 0.0
    with torch.no_grad():
        for t in range(len(batch.inputs)):
            one = Batch(batch.inputs[t : t + 1], batch.targets[t : t + 1])
            forward = model(one, state)
            state = forward.final
            total += F.cross_entropy(forward.outputs[0], one.targets[0]).item()
    return total / len(batch.inputs) / math.log(2)
