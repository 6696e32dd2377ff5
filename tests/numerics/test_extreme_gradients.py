"""Norms and factors that neither overflow nor are flushed to zero, whatever the gradients."""

import math
from decimal import Decimal, localcontext

import pytest
import torch

from bptt.contracts import joint_norm
from bptt.kernels.compiled.update import load_update_kernel
from bptt.norms import frobenius_norm
from bptt.training import TrainingRun, train
from bptt.training.window import LARGEST
from bptt_plugins.clippers.agc import AdaptiveGradientClipping
from bptt_plugins.clippers.global_norm import GlobalNorm
from bptt_plugins.clippers.value import Value

F32, F64 = torch.float32, torch.float64
EXTREMES = [(F64, 1e160), (F64, 1e300), (F64, 1e-170), (F32, 1e35), (F32, 1e-30)]


def exact_norm(values):
    """Return the 2-norm in decimal numbers of any exponent."""
    with localcontext() as context:
        context.prec = 40
        squares = [Decimal(v) ** 2 for v in values.double().flatten().tolist()]
        return sum(squares, Decimal(0)).sqrt()


def draw(dtype, size, shape=(6, 8)):
    generator = torch.Generator().manual_seed(3)
    return (torch.randn(shape, generator=generator, dtype=F64) * size).to(dtype)


@pytest.fixture(autouse=True)
def flushed():
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


@pytest.mark.parametrize(("dtype", "size"), EXTREMES)
def test_norms_agree_with_exact_arithmetic_at_any_size(dtype, size):
    found = draw(dtype, size)
    exact = float(exact_norm(found))

    assert float(joint_norm({"w": found})) == pytest.approx(exact, rel=1e-12)
    assert float(frobenius_norm(found)) == pytest.approx(exact, rel=1e-12)
    kernel = load_update_kernel(dtype)
    assert kernel.norm_of(found.flatten())() == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("dtype", [F32, F64])
def test_compiled_norm_of_ordinary_numbers_keeps_its_bits(dtype):
    found = draw(dtype, 1.0).flatten()
    part = [0.0] * 16
    for i, value in enumerate(found.double().tolist()):
        part[i % 16] += value * value
    sum_ = 0.0
    for value in part:
        sum_ += value

    # to rounding: the compiler may fuse products into sums
    assert load_update_kernel(dtype).norm_of(found)() == pytest.approx(math.sqrt(sum_), rel=1e-15)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_compiled_norm_says_what_is_not_finite(bad):
    found = draw(F64, 1e200).flatten()
    found[5] = bad

    assert repr(load_update_kernel(F64).norm_of(found)()) == repr(abs(bad))
    assert repr(float(joint_norm({"w": found}))) == repr(abs(bad))


@pytest.mark.parametrize(
    ("dtype", "size", "bound"),
    [
        (F32, 1e34, 1e-5),
        (F32, 1e37, 1e-20),
        (F64, 1e160, 1.0),
        (F64, 1e300, 1e-30),
        (F64, 9e307, 1),
    ],
)
def test_gradients_are_clipped_to_their_bound_at_any_size(dtype, size, bound):
    found = {"w": draw(dtype, size).clamp(-size, size)}

    clipped, _, report = GlobalNorm(max_norm=bound).clip(found, found, {})

    assert float(joint_norm(clipped)) == pytest.approx(bound, rel=1e-5)
    assert float(report.clipped_grad_norm) == pytest.approx(bound, rel=1e-5)
    assert bool(report.clipped)
    peak = found["w"].abs().max()
    direction = found["w"].double() / peak.double()
    expected = direction / direction.norm() * bound
    torch.testing.assert_close(clipped["w"].double(), expected, rtol=1e-5, atol=bound * 1e-7)


@pytest.mark.parametrize(
    ("dtype", "size", "weight"), [(F32, 1e36, 1e-6), (F64, 1e200, 1.0), (F64, 1e300, 1e-9)]
)
def test_each_unit_is_clipped_to_its_bound_at_any_size(dtype, size, weight):
    name = "stack.layers.0.cells.0.recurrent_weight"
    found, weights = {name: draw(dtype, size)}, {name: draw(dtype, weight)}
    # one unit of ordinary size beside those that are not, and too short to be clipped
    found[name][:, 0], weights[name][:, 0] = 1e-3, 1.0
    clipper = AdaptiveGradientClipping(clipping=0.01, eps=1e-12)

    clipped, _, report = clipper.clip(found, weights, {})

    bounds = 0.01 * torch.linalg.vector_norm(weights[name].double(), dim=0)
    lengths = torch.linalg.vector_norm(clipped[name].double(), dim=0)
    torch.testing.assert_close(lengths[1:], bounds[1:], rtol=1e-5, atol=0)
    assert torch.equal(clipped[name][:, 0], found[name][:, 0])
    assert float(report.clipped_grad_norm) == pytest.approx(float(lengths.norm()), rel=1e-5)


def test_value_clipper_reports_norms_that_overflow_no_square():
    found = {"w": draw(F64, 1e200)}

    _, _, report = Value(clip_value=1e180).clip(found, found, {})

    assert float(report.grad_norm) == pytest.approx(float(exact_norm(found["w"])), rel=1e-12)
    assert 0 < float(report.clipped_grad_norm) < float(report.grad_norm) < math.inf


def exploding(make_spec, **changes):
    content = {
        "cell": {
            "name": "rnn",
            "nonlinearity": "identity",
            "recurrent_init": "orthogonal",
            "recurrent_gain": 60,
        },
        "statistics": {"interval": 0},
        **changes,
    }
    return make_spec(content.pop("task"), content.pop("cell"), **content)


def last(run):
    reports = list(train(run))
    return {k: v for report in reports for k, v in report.metrics.items()}


def test_equal_steps_give_equal_results_however_small_the_factor(make_spec):
    found = []
    for lr, bound in ((100, 1e-3), (10, 1e-2), (1000, 1e-4), (10000, 1e-5)):
        spec = exploding(
            make_spec,
            task={"name": "latch", "length": 20},
            optimizer={"name": "sgd", "lr": lr},
            clipper={"name": "global_norm", "max_norm": bound},
            model={"hidden_size": 32},
            training={
                "steps": 1,
                "evaluate_every": 1,
                "stop_when_solved": False,
                "batch_size": 32,
                "evaluation_size": 512,
            },
            seed=0,
        )
        metrics = last(TrainingRun(spec))
        found.append(metrics["eval/loss"])
        assert metrics["grad/clipped_norm"] == pytest.approx(bound, rel=1e-5)

    assert found == [0.0] * 4


def test_a_norm_whose_square_is_no_float64_is_clipped(make_spec):
    spec = exploding(
        make_spec,
        task={"name": "latch", "length": 100},
        optimizer={"name": "sgd", "lr": 1e-2},
        clipper={"name": "global_norm", "max_norm": 1.0},
        training={"steps": 1, "dtype": "float64", "evaluate_every": 1, "stop_when_solved": False},
    )
    run = TrainingRun(spec)
    before = run.parameters.flat.detach().clone()
    metrics = last(run)

    assert 1e154 < metrics["grad/norm"] < math.inf
    assert metrics["grad/clipped_norm"] == pytest.approx(1.0)
    assert float((run.parameters.flat.detach() - before).norm()) == pytest.approx(1e-2)
    assert run.idle_since is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_updates_of_zero_without_reason_are_remembered(make_spec, dtype):
    # a step of 1e-30 is lost when it is added to any weight
    spec = make_spec(
        {"name": "latch", "length": 20},
        "rnn",
        optimizer={"name": "sgd", "lr": 1e-30},
        training={"steps": 20, "evaluate_every": 20, "stop_when_solved": False, "dtype": dtype},
    )
    run = TrainingRun(spec)
    metrics = last(run)

    assert metrics["grad/norm"] > 0
    assert metrics["grad/update_ratio"] == 0
    assert run.idle_since == 1
    resumed = TrainingRun(spec)
    resumed.load_state_dict(run.state_dict())
    assert resumed.idle_since == 1


def test_a_run_that_moves_is_not_said_to_stand_still(make_spec):
    run = TrainingRun(make_spec("latch", "rnn", training={"steps": 5, "evaluate_every": 5}))
    last(run)

    assert run.idle_since is None


@pytest.mark.parametrize("clipper", ["none", "global_norm", "value", "agc"])
@pytest.mark.parametrize("backend", ["compiled", "autograd"])
def test_gradients_whose_norm_is_no_float64_are_told_and_clipped(
    make_spec, monkeypatch, clipper, backend
):
    monkeypatch.setenv("BPTT_BACKEND", backend)
    spec = make_spec(
        "latch",
        "rnn",
        clipper=clipper,
        optimizer={"name": "sgd", "lr": 1e-2},
        training={"steps": 1, "dtype": "float64", "evaluate_every": 1, "stop_when_solved": False},
    )
    run = TrainingRun(spec)
    before = run.parameters.flat.detach().clone()
    passed = run.passes.run

    def explode(*given):
        forward, loss = passed(*given)
        run.parameters.gradients.flat.copy_(torch.where(run.parameters.gradients.flat < 0, -1, 1))
        run.parameters.gradients.flat.mul_(1.5e308)
        return forward, loss

    monkeypatch.setattr(run.passes, "run", explode)
    metrics = last(run)

    assert metrics["grad/norm"] == metrics["grad/norm_max"] == LARGEST
    moved = (run.parameters.flat.detach() - before)[: run.parameters.count].abs()
    if clipper == "none":
        assert metrics["grad/clipped_norm"] == LARGEST
        torch.testing.assert_close(moved, torch.full_like(moved, 1.5e306))
    elif clipper == "agc":
        # the read-out is left out
        assert metrics["grad/clipped_norm"] == LARGEST
        assert int((moved > 1e300).sum()) == sum(
            p.numel() for name, p in run.parameters.named.items() if name.startswith("read_out.")
        )
    else:
        count = run.parameters.count if clipper == "value" else 1
        assert float(moved.norm()) == pytest.approx(1e-2 * math.sqrt(count))
        assert metrics["grad/clipped_norm"] == pytest.approx(math.sqrt(count))
        assert run.outcome.name == "finished"


def test_the_norm_of_gradients_set_to_zero_is_that_of_the_rest(make_spec, monkeypatch):
    spec = make_spec(
        "latch",
        "rnn",
        training={"steps": 1, "nonfinite": "zero", "evaluate_every": 1, "stop_when_solved": False},
    )
    run = TrainingRun(spec)
    passed = run.passes.run

    def spoil(*given):
        forward, loss = passed(*given)
        run.parameters.gradients.flat.fill_(math.nan)
        return forward, loss

    monkeypatch.setattr(run.passes, "run", spoil)

    assert last(run)["grad/norm"] == 0.0
