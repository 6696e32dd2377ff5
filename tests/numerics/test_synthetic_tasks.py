"""What every synthetic task promises: its draws, losses, metrics and solved rule."""

import hashlib

import pytest
import torch
import torch.nn.functional as F

from bptt.contracts import Features, Tokens
from bptt_plugins.tasks.adding import Adding
from bptt_plugins.tasks.copy_memory import CopyMemory
from bptt_plugins.tasks.latch import Latch
from bptt_plugins.tasks.right_context import RightContext
from bptt_plugins.tasks.temporal_order import TemporalOrder

torch.set_num_threads(1)

TASKS = {
    "adding-arjovsky": Adding(length=20),
    "adding-pascanu": Adding(variant="pascanu", length=40),
    "adding-hs97": Adding(variant="hs97", length=40),
    "copy_memory": CopyMemory(delay=10),
    "temporal_order-2": TemporalOrder(length=20),
    "temporal_order-3": TemporalOrder(length=20, bits=3),
    "latch-random": Latch(length=20),
    "latch-blank": Latch(length=20, noise="blank"),
    "right_context": RightContext(),
}

DRAWN = {
    "adding-arjovsky": "c25ef59a8c42ae5a",
    "adding-pascanu": "e5c78ef5d21e0b7a",
    "adding-hs97": "6b6a85969dbdfe78",
    "copy_memory": "bd95e3769e6ce0d9",
    "temporal_order-2": "0f3ba1d91f049646",
    "temporal_order-3": "a80cef8aa2ae16dd",
    "latch-random": "536775efcf8b1f32",
    "latch-blank": "f3438c8e74fd7745",
    "right_context": "9ef099042b6c728b",
}

every_task = pytest.mark.parametrize("name", TASKS)


def draw(task, size=64, seed=0):
    return task.sample(torch.Generator().manual_seed(seed), size)


def digest(batch):
    tensors = [batch.inputs, batch.targets, batch.lengths]
    content = b"".join(t.contiguous().numpy().tobytes() for t in tensors if t is not None)
    return hashlib.sha256(content).hexdigest()[:16]


def right_outputs(task, batch):
    """Return read-outs that are surely right."""
    if task.output_size == 1:
        return batch.targets.unsqueeze(-1)
    return 30.0 * F.one_hot(batch.targets, task.output_size).float()


@every_task
def test_sample_draws_what_it_drew_when_this_was_written(name):
    batch = draw(TASKS[name], size=8, seed=42)

    assert digest(batch) == DRAWN[name]


@every_task
def test_sample_repeats_itself_from_the_same_generator_state_only(name):
    first, again, other = draw(TASKS[name]), draw(TASKS[name]), draw(TASKS[name], seed=1)

    assert digest(first) == digest(again)
    assert digest(first) != digest(other)


@every_task
def test_sample_leaves_the_global_generator_alone(name):
    before = torch.random.get_rng_state()

    draw(TASKS[name])

    assert torch.equal(torch.random.get_rng_state(), before)


@every_task
def test_inputs_are_of_the_declared_kind_and_size(name):
    task = TASKS[name]

    batch = draw(task)

    if isinstance(task.inputs, Tokens):
        assert batch.inputs.dtype == torch.int64
        assert batch.inputs.ndim == 2
        assert batch.inputs.min() >= 0
        assert batch.inputs.max() < task.inputs.size
    else:
        assert isinstance(task.inputs, Features)
        assert batch.inputs.dtype == torch.float32
        assert batch.inputs.shape[2:] == (task.inputs.size,)
    assert batch.inputs.shape[1] == 64


@every_task
def test_targets_have_one_value_per_prediction(name):
    task = TASKS[name]

    batch = draw(task)

    predictions = batch.inputs.shape[:2] if task.reads == "every" else (64,)
    assert batch.targets.shape == predictions
    assert batch.targets.dtype == (torch.float32 if task.output_size == 1 else torch.int64)


@every_task
def test_horizon_spans_from_the_first_step_that_matters(name):
    task = TASKS[name]
    horizons = {
        "adding-arjovsky": 19,
        "adding-pascanu": 42,
        "adding-hs97": 43,
        "copy_memory": 20,
        "temporal_order-2": 17,
        "temporal_order-3": 17,
        "latch-random": 19,
        "latch-blank": 19,
        "right_context": 2,
    }

    assert task.horizon == horizons[name]


@every_task
def test_losses_are_torchs_own(name):
    task = TASKS[name]
    batch = draw(task)
    outputs = torch.randn(*batch.targets.shape, task.output_size, dtype=torch.float64)

    losses = task.losses(outputs, batch)

    if task.output_size == 1:
        expected = F.mse_loss(outputs[..., 0], batch.targets.double(), reduction="none")
    else:
        weight = torch.tensor([1.0, 5.0]).double() if name == "right_context" else None
        logits = outputs.movedim(-1, 1)  # torch has the classes on the second axis
        expected = F.cross_entropy(logits, batch.targets, weight=weight, reduction="none")
    torch.testing.assert_close(losses, expected)


@every_task
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_and_metrics_keep_the_type_of_the_outputs(name, dtype):
    task = TASKS[name]
    batch = draw(task)
    outputs = torch.zeros(*batch.targets.shape, task.output_size, dtype=dtype, requires_grad=True)

    losses, metrics = task.losses(outputs, batch), task.metrics(outputs, batch)
    losses.mean().backward()

    assert losses.dtype == dtype
    assert outputs.grad.dtype == dtype
    assert {(value.dtype, value.shape) for value in metrics.values()} == {(dtype, ())}
    assert task.metric in metrics


@every_task
def test_right_outputs_are_perfect_and_solve_the_task(name):
    task = TASKS[name]
    batch = draw(task)

    metrics = {k: float(v) for k, v in task.metrics(right_outputs(task, batch), batch).items()}

    best = 0.0 if task.better == "lower" else 1.0
    assert metrics[task.metric] == pytest.approx(best, abs=1e-6)
    assert task.solved(metrics)


@every_task
def test_nan_outputs_do_not_solve_the_task(name):
    task = TASKS[name]
    batch = draw(task)

    metrics = task.metrics(right_outputs(task, batch) * torch.nan, batch)

    assert not task.solved({key: float(value) for key, value in metrics.items()})


@every_task
def test_the_baseline_does_not_solve_the_task(name):
    task = TASKS[name]
    worst_elsewhere = {"mse": 1.0, "error": 1.0, "cross_entropy": 1.0, "accuracy": 0.0}

    assert not task.solved({**worst_elsewhere, task.metric: task.baseline})


@pytest.mark.parametrize(
    ("name", "solved", "unsolved"),
    [
        ("adding-arjovsky", {"mse": 0.0099}, {"mse": 0.01}),
        ("adding-pascanu", {"mse": 1.0, "error": 0.0099}, {"mse": 0.0, "error": 0.01}),
        ("adding-hs97", {"mse": 1.0, "error": 0.0}, {"mse": 0.0, "error": 0.001}),
        (
            "copy_memory",
            {"cross_entropy": 0.0693, "accuracy": 0.0},
            {"cross_entropy": 0.0694, "accuracy": 0.99},
        ),
        (
            "copy_memory",
            {"cross_entropy": 1.0, "accuracy": 0.991},
            {"cross_entropy": 1.0, "accuracy": 0.99},
        ),
        ("temporal_order-2", {"error": 0.0099}, {"error": 0.01}),
        ("latch-random", {"accuracy": 0.999}, {"accuracy": 0.998}),
        ("right_context", {"f1": 0.991}, {"f1": 0.99}),
    ],
)
def test_solved_changes_at_the_documented_bound(name, solved, unsolved):
    task = TASKS[name]

    assert task.solved(solved)
    assert not task.solved(unsolved)


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (Adding, {"variant": "pascanu", "length": 9}, "length must be at least 10 .* got 9"),
        (Adding, {"variant": "hs97", "length": 19}, "length must be at least 20 .* got 19"),
        (RightContext, {"length": 5, "offset": 5}, "offset must be below length = 5, .* got 5"),
    ],
)
def test_options_that_contradict_each_other_are_refused_in_one_line(task, options, message):
    with pytest.raises(ValueError, match=message) as refusal:
        task(**options)

    assert "\n" not in str(refusal.value)
