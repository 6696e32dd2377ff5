"""The figures of a log line against a plain torch loop over the updates it stands for."""

import pytest
import torch
from benchmarks.torch_weights import to_torch
from torch import nn

from bptt.batches.data import TrainingData
from bptt.training import TrainingRun, train

LR = 0.05
MAX_NORM = 0.6
EACH = 4
"""Updates per log line of a run of 240, because a short run has about 60 lines."""
LINES = 6


@pytest.fixture
def spec(make_spec):
    return make_spec(
        {"name": "adding", "length": 12},
        {"name": "rnn", "biases": 2},
        {"name": "global_norm", "max_norm": MAX_NORM},
        optimizer={"name": "sgd", "lr": LR},
        training={"steps": 60 * EACH, "dtype": "float64", "stop_when_solved": False},
    )


def log_lines(run, count):
    """Return the first `count` lines with figures of training, by step."""
    lines = {}
    for report in train(run):
        if "train/loss" in report.metrics:
            lines[report.step] = report.metrics
        if len(lines) == count:
            return lines
    return lines


def plain_loop(run, updates, skipped=()):
    """Return what a loop in plain torch measures at each of its updates, from 1."""
    spec = run.spec
    recurrent = to_torch(run.model.stack)
    read_out = nn.Linear(8, 1, dtype=torch.float64)
    read_out.load_state_dict(run.model.read_out.state_dict())
    parameters = [*recurrent.parameters(), *read_out.parameters()]
    data = TrainingData(run.task, spec.seed, spec.training.batch_size)
    measured = []
    for index in range(updates):
        batch, _ = data.batch(index)
        outputs = read_out(recurrent(batch.inputs.double())[0][-1])
        loss = ((outputs.squeeze(1) - batch.targets.double().flatten()) ** 2).mean()
        gradients = torch.autograd.grad(loss, parameters)
        norm = torch.cat([g.flatten() for g in gradients]).norm().item()
        scale = min(1.0, MAX_NORM / (norm + 1e-6))
        before = torch.cat([p.detach().flatten() for p in parameters])
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= LR * scale * gradient * (index + 1 not in skipped)
        after = torch.cat([p.detach().flatten() for p in parameters])
        ratio = ((after - before).norm() / before.norm()).item()
        measured.append({"loss": loss.item(), "norm": norm, "scale": scale, "ratio": ratio})
    return measured


def test_log_lines_sum_up_the_updates_they_stand_for(spec):
    run = TrainingRun(spec)
    updates = plain_loop(run, EACH * LINES)
    lines = log_lines(run, LINES)

    windows = [updates[start : start + EACH] for start in range(0, len(updates), EACH)]
    expected = {
        "train/loss": [mean(u["loss"] for u in w) for w in windows],
        "grad/norm": [mean(u["norm"] for u in w) for w in windows],
        "grad/clipped_norm": [mean(u["norm"] * u["scale"] for u in w) for w in windows],
        "grad/norm_max": [max(u["norm"] for u in w) for w in windows],
        "grad/clip_fraction": [mean(u["scale"] < 1 for u in w) for w in windows],
        "grad/effective_lr": [mean(LR * u["scale"] for u in w) for w in windows],
        "grad/update_ratio": [w[-1]["ratio"] for w in windows],
        "grad/nonfinite": [0] * LINES,
        "grad/skipped": [0] * LINES,
    }
    # a window in which some updates were clipped, and one whose last was not the largest
    assert any(0 < share < 1 for share in expected["grad/clip_fraction"])
    assert any(w[-1]["norm"] < max(u["norm"] for u in w) for w in windows)
    assert list(lines) == [EACH * (number + 1) for number in range(LINES)]
    for name, values in expected.items():
        reported = [line[name] for line in lines.values()]
        assert reported == pytest.approx(values, rel=1e-9), name


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def corrupt(run, bad):
    """Make three elements of the read-out's gradient non-finite at the updates `bad`, from 1."""

    def spoil(gradient):
        # the updates done, counting the one under way
        if run.step not in bad:
            return gradient
        spoilt = gradient.clone()
        spoilt[0, :3] = torch.tensor([torch.nan, torch.inf, -torch.inf], dtype=gradient.dtype)
        return spoilt

    run.model.read_out.weight.register_hook(spoil)
    return run


def test_skipped_updates_are_counted_and_leave_the_means_alone(spec):
    skipping = spec.model_copy(
        update={"training": spec.training.model_copy(update={"nonfinite": "skip"})}
    )
    run = corrupt(TrainingRun(skipping), {2, 3, 9})
    updates = plain_loop(run, 3 * EACH, skipped={2, 3, 9})

    lines = log_lines(run, 3)

    assert [line["grad/skipped"] for line in lines.values()] == [2, 0, 1]
    assert [line["grad/nonfinite"] for line in lines.values()] == [6, 0, 3]
    for line, made in zip(lines.values(), ([1, 4], [5, 6, 7, 8], [10, 11, 12]), strict=True):
        norms = [updates[number - 1]["norm"] for number in made]
        assert line["grad/norm"] == pytest.approx(mean(norms), rel=1e-9)
        assert line["grad/norm_max"] == pytest.approx(max(norms), rel=1e-9)


def test_zeroed_elements_are_counted_but_no_update_is_skipped(spec):
    zeroing = spec.model_copy(
        update={"training": spec.training.model_copy(update={"nonfinite": "zero"})}
    )
    run = corrupt(TrainingRun(zeroing), {1, 2, 6})

    lines = log_lines(run, 2)

    assert [line["grad/nonfinite"] for line in lines.values()] == [6, 3]
    assert [line["grad/skipped"] for line in lines.values()] == [0, 0]


def test_update_ratio_of_a_skipped_update_is_zero(spec):
    skipping = spec.model_copy(
        update={"training": spec.training.model_copy(update={"nonfinite": "skip"})}
    )
    run = corrupt(TrainingRun(skipping), {EACH})

    lines = log_lines(run, 2)

    assert lines[EACH]["grad/update_ratio"] == 0
    assert lines[2 * EACH]["grad/update_ratio"] > 0
