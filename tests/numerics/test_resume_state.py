"""Each thing a checkpoint holds comes back, through bytes, and counts for what follows."""

import importlib.util
from pathlib import Path

import pytest
import torch

from bptt.contracts import Clipper, ClipReport, joint_norm
from bptt.execution.checkpoint import from_bytes, to_bytes
from bptt.training import TrainingRun, train
from bptt.training.run import HOPELESS

EACH = 4
"""Updates per log line of a run of 1200."""
EXAMPLE = Path(__file__).parents[2] / "plugins" / "bptt-example" / "bptt_example.py"


def running_norm():
    """Return the example's clipper, which remembers the mean of the norms."""
    specification = importlib.util.spec_from_file_location("example_of_resuming", EXAMPLE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.RunningNorm(factor=1.01, decay=0.5)


class FirstNorms(Clipper):
    """Bound every norm by that of the first gradient, and count the calls."""

    def initial_state(self, parameters):
        return {"bound": torch.tensor(torch.inf, dtype=torch.float64), "calls": torch.tensor(0)}

    def clip(self, gradients, parameters, state):
        norm = joint_norm(gradients)
        scale = (state["bound"] / norm).clamp(max=1.0)
        bound = torch.minimum(state["bound"], 0.5 * norm)
        clipped = {name: g * scale.to(g.dtype) for name, g in gradients.items()}
        report = ClipReport(norm, norm * scale, scale, scale < 1, state["bound"])
        return clipped, {"bound": bound, "calls": state["calls"] + 1}, report


def start(spec, clipper=None, bad=()):
    """Return a run, whose gradient is spoilt at the updates `bad`, from 1."""
    run = TrainingRun(spec)
    if clipper is not None:
        run.clipper = clipper
        run.clipper_state = dict(clipper.initial_state(run.parameters.named))
    run.model.read_out.bias.register_hook(lambda g: g * torch.nan if run.step in bad else g)
    return run


def advance_to(run, step):
    """Train up to `step`; return the reported metrics by step."""
    series = {}
    for report in train(run):
        series[report.step] = dict(report.metrics)
        if report.step == step:
            break
    return series


def resumed(run, *arguments, **keywords):
    """Return a new run that goes on where `run` is, through the bytes of a checkpoint."""
    new = start(*arguments, **keywords)
    new.load_state_dict(from_bytes(to_bytes(run.state_dict())))
    return new


@pytest.fixture
def spec(make_spec):
    return make_spec(
        {"name": "adding", "length": 10},
        training={"steps": 60 * EACH, "evaluate_every": 7, "stop_when_solved": False},
    )


@pytest.mark.parametrize("killed_at", range(EACH, 2 * EACH))
def test_log_line_broken_by_a_resume_is_that_of_an_undisturbed_run(spec, killed_at):
    expected = advance_to(start(spec), 4 * EACH)

    first = start(spec)
    advance_to(first, killed_at)
    rest = advance_to(resumed(first, spec), 4 * EACH)

    assert sum("train/loss" in metrics for metrics in rest.values()) == 3
    assert rest == {step: metrics for step, metrics in expected.items() if step > killed_at}


@pytest.mark.parametrize("make", [running_norm, FirstNorms])
def test_clipper_goes_on_with_what_it_remembers(spec, make):
    undisturbed = start(spec, make())
    expected = advance_to(undisturbed, 4 * EACH)

    first = start(spec, make())
    advance_to(first, 6)
    second = resumed(first, spec, make())
    fresh = start(spec, make()).clipper_state
    assert second.clipper_state == first.clipper_state != fresh
    rest = advance_to(second, 4 * EACH)

    assert rest[4 * EACH] == expected[4 * EACH]
    assert rest[4 * EACH]["grad/clip_fraction"] > 0
    assert second.parameters.flat.tolist() == undisturbed.parameters.flat.tolist()


def test_checkpoint_holds_a_copy_that_further_training_leaves_alone(spec):
    run = start(spec, running_norm())
    advance_to(run, 6)
    before = to_bytes(state := run.state_dict())

    advance_to(run, 12)

    assert run.step == 12
    assert from_bytes(before)["parameters"].tolist() == state["parameters"].tolist()
    assert from_bytes(before)["clipper"] == state["clipper"]
    assert state["parameters"].tolist() != run.parameters.flat.tolist()


def test_updates_skipped_before_a_resume_count_towards_giving_up(spec):
    skipping = spec.model_copy(
        update={"training": spec.training.model_copy(update={"nonfinite": "skip"})}
    )
    bad = range(3, 2 * HOPELESS)
    first = start(skipping, bad=bad)
    advance_to(first, 2 + HOPELESS // 2)

    second = resumed(first, skipping, bad=bad)
    assert second.skipped == HOPELESS // 2
    for _ in train(second):
        pass

    assert (second.outcome.name, second.outcome.step) == ("diverged", 2 + HOPELESS)


def test_skipped_updates_of_a_broken_log_line_are_reported(spec):
    skipping = spec.model_copy(
        update={"training": spec.training.model_copy(update={"nonfinite": "skip"})}
    )
    first = start(skipping, bad={1, 2})
    advance_to(first, 2)

    series = advance_to(resumed(first, skipping), EACH)

    assert series[EACH]["grad/skipped"] == 2
    assert series[EACH]["grad/nonfinite"] == 2


def test_time_before_a_resume_counts_towards_the_limit(make_spec):
    spec = make_spec(training={"steps": 10**6, "max_seconds": 3600.0}, statistics={"interval": 1})
    first = start(spec)
    advance_to(first, 3)
    assert 0 < first.statistics_seconds < first.seconds < 3600
    assert 0 < first.preparation_seconds < first.seconds

    half = resumed(first, spec)
    assert (half.seconds, half.statistics_seconds) == (first.seconds, first.statistics_seconds)
    advance_to(half, 4)
    assert half.outcome is None
    assert half.seconds > first.seconds
    assert half.statistics_seconds > first.statistics_seconds
    assert half.preparation_seconds == first.preparation_seconds
    half.seconds = 3600.0
    spent = resumed(half, spec)
    advance_to(spent, 5)

    assert (spent.outcome.name, spent.outcome.step) == ("time_limit", 5)


def test_evaluation_and_best_weights_come_back(spec):
    first = start(spec)
    advance_to(first, 10)
    assert first.evaluation.best["best/step"] == 7

    second = resumed(first, spec)

    assert second.evaluation.latest == first.evaluation.latest
    assert second.evaluation.best == first.evaluation.best
    for name in ("best", "last"):
        ours, theirs = second.weights()[name], first.weights()[name]
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert second.best_weights.flat.tolist() != second.parameters.flat.tolist()


def test_worse_evaluation_after_a_resume_does_not_become_the_best(spec, monkeypatch):
    first = start(spec)
    advance_to(first, 10)
    second = resumed(first, spec)
    best = second.weights()["best"]

    monkeypatch.setattr(second.task, "metrics", lambda outputs, batch: {"mse": torch.tensor(1e9)})
    series = advance_to(second, 14)

    assert series[14]["eval/mse"] == 1e9
    assert not any(name.startswith("best/") for name in series[14])
    assert second.evaluation.best == first.evaluation.best
    assert all(torch.equal(best[key], w) for key, w in second.weights()["best"].items())


def test_run_that_had_diverged_does_not_go_on(spec):
    first = start(spec, bad={3})
    advance_to(first, 10)
    assert first.outcome.name == "diverged"

    second = resumed(first, spec)

    assert second.outcome == first.outcome
    assert list(train(second)) == []
    assert second.step == 3


def test_first_measurement_is_not_repeated_after_a_resume(spec):
    first = start(spec)
    advance_to(first, 0)

    series = advance_to(resumed(first, spec), 1)

    assert list(series) == [1]


class LastTwo(Clipper):
    """The mean of this gradient and the one before, which it keeps as it was given."""

    def initial_state(self, parameters):
        return {name: torch.zeros_like(value) for name, value in parameters.items()}

    def clip(self, gradients, parameters, state):
        norm = joint_norm(gradients)
        report = ClipReport(norm, norm, torch.ones_like(norm), norm < 0, norm + torch.inf)
        mean = {name: (gradient + state[name]) / 2 for name, gradient in gradients.items()}
        return mean, dict(gradients), report


class Copying(LastTwo):
    """The same with copies."""

    def clip(self, gradients, parameters, state):
        mean, kept, report = super().clip(gradients, parameters, state)
        return mean, {name: value.clone() for name, value in kept.items()}, report


def test_clipper_may_keep_the_gradients_it_is_given(spec):
    first = start(spec, LastTwo())
    advance_to(first, EACH)
    new = resumed(first, spec, LastTwo())
    copying = start(spec, Copying())
    advance_to(copying, EACH)
    for run in (first, new, copying):
        advance_to(run, 3 * EACH)

    assert torch.equal(first.parameters.flat, copying.parameters.flat)
    assert torch.equal(new.parameters.flat, copying.parameters.flat)
