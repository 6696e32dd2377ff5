"""Norm and Adam in C are torch's, and a run trains with them as it does without."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from bptt.contracts import joint_norm
from bptt.kernels.compiled.building import NotBuilt
from bptt.kernels.compiled.update import BLOCK, AdamStep, load_update_kernel
from bptt.optimizers import Adam, AdamW
from bptt.training import TrainingRun
from bptt.training.updating import Updating
from bptt_plugins.cells.rnn import RNN

ROUNDING = {torch.float32: 2e-6, torch.float64: 1e-13}


@pytest.mark.parametrize("size", [1e-37, 1e-25, 1.0, 1e18])
def test_norm_is_summed_in_float64(kernel, dtype, size):
    gradients = torch.randn(5 * BLOCK, dtype=dtype) * size

    assert kernel.norm_of(gradients)() == pytest.approx(
        float(joint_norm({"": gradients})), rel=1e-12
    )


RATES = ("lr", "beta1", "beta2", "eps", "weight_decay")
OPTIMIZERS = {
    "adam": Adam(lr=0.01),
    "adam of other constants": Adam(lr=0.01, beta1=0.0, beta2=0.7, eps=0.01, weight_decay=0.3),
    "adamw": AdamW(lr=0.01, beta1=0.6, weight_decay=0.3),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_scaled_steps_are_those_of_torchs_optimizer(kernel, dtype, name, scale):
    found = []
    for has in (kernel, None):
        torch.manual_seed(0)
        parameters = nn.Parameter(torch.randn(3 * BLOCK, dtype=dtype))
        parameters.grad = torch.zeros_like(parameters)
        updating = Updating(OPTIMIZERS[name], parameters, has)
        for number in range(50):
            parameters.grad.copy_(torch.cos(parameters.detach() * 3 + number) * 10.0**-number)
            assert updating.norm() == pytest.approx(float(joint_norm({"": parameters.grad})))
            assert updating.step(scale)
            if number == 20:
                # moments of a checkpoint lie elsewhere
                updating.load_state_dict(deepcopy(updating.state_dict()))
        state = updating.moments
        assert float(state["step"]) == 50
        found.append((parameters.detach(), parameters.grad, state["exp_avg"], state["exp_avg_sq"]))
    for ours, theirs in zip(*found, strict=True):
        # relative to the largest, because some cross zero
        rounding = 10 * ROUNDING[dtype] * theirs.abs().max()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=float(rounding))


@pytest.mark.parametrize("place", [0, BLOCK - 1, BLOCK, 4 * BLOCK - 1])
@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_step_says_whether_a_parameter_is_not_finite(kernel, dtype, place, value):
    vectors = [torch.ones(4 * BLOCK, dtype=dtype) for _ in range(4)]
    rates = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.0}
    step = AdamStep(kernel, vectors, torch.tensor(1.0), rates, False)

    assert step.step(1.0)
    vectors[0][place] = value
    assert not step.step(1.0)


def test_step_says_when_a_parameter_overflows(kernel, dtype):
    largest = torch.finfo(dtype).max
    vectors = [torch.ones(2 * BLOCK, dtype=dtype) for _ in range(4)]
    vectors[0][5] = -largest
    rates = {"lr": largest, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.0}

    finite = AdamStep(kernel, vectors, torch.tensor(1e6), rates, False).step(1.0)

    assert vectors[0].isinf().nonzero().flatten().tolist() == [5]
    assert all(vector.isfinite().all() for vector in vectors[1:])
    assert not finite


def test_vectors_that_do_not_fit_are_refused(kernel, dtype):
    rates = dict.fromkeys(RATES, 0.1)
    for vectors in (
        [torch.zeros(BLOCK + 1, dtype=dtype)] * 4,
        [torch.zeros(BLOCK, dtype=dtype)] * 3 + [torch.zeros(2 * BLOCK, dtype=dtype)],
        [torch.zeros(2 * BLOCK, dtype=dtype)[::2]] * 4,
        [torch.zeros(BLOCK, dtype=torch.float16)] * 4,
    ):
        with pytest.raises(ValueError, match="vectors must have"):
            AdamStep(kernel, vectors, torch.tensor(0.0), rates, False)
    with pytest.raises(ValueError, match="steps must be counted in float32"):
        AdamStep(
            kernel,
            [torch.zeros(BLOCK, dtype=dtype)] * 4,
            torch.tensor(0, dtype=torch.int64),
            rates,
            False,
        )


def test_library_for_a_smaller_processor_is_right_too(smaller_processor, dtype):
    kernel = load_update_kernel(dtype)
    assert list(smaller_processor.glob("*.so"))
    test_scaled_steps_are_those_of_torchs_optimizer(kernel, dtype, "adamw", 0.3)


def test_without_a_compiler_there_is_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)

    with pytest.raises(NotBuilt):
        load_update_kernel(torch.float32)


def test_run_says_if_this_library_alone_cannot_be_built(make_spec, monkeypatch, tmp_path):
    picky = tmp_path / "picky"
    picky.write_text('#!/bin/sh\ngrep -q "struct adam" kernel.c && exit 1\nexec cc "$@"\n')
    picky.chmod(0o700)
    monkeypatch.setenv("CC", str(picky))
    monkeypatch.setenv("BPTT_KERNEL_CACHE", str(tmp_path / "kernels"))

    run = TrainingRun(make_spec({"name": "adding", "length": 12}, "rnn"))
    run.advance()
    run.advance()

    assert run.model.backend == "compiled"
    assert run.backend_reason.startswith("torch runs what surrounds the cells: the C compiler")


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"layers": 2, "skip": "residual"},
        {"layers": 2, "skip": "dense"},
        {"bidirectional": True},
    ],
    ids=str,
)
def test_run_says_that_autograd_surrounds_its_cells(make_spec, monkeypatch, model):
    task = {"name": "right_context"}
    run = TrainingRun(make_spec(task, "rnn", model=model))
    assert run.model.backend == "compiled"
    assert run.backend_reason == ""

    # no step reads it, so no kernel gives its gradient
    build = RNN.__init__

    def with_a_gain(self, *args, **options):
        build(self, *args, **options)
        self.own = torch.nn.Parameter(torch.ones(3))

    monkeypatch.setattr(RNN, "__init__", with_a_gain)
    run = TrainingRun(make_spec(task, "rnn", model=model))
    why = "a cell has parameters of its own"
    assert run.backend_reason == f"torch runs what surrounds the cells: {why}"


WAYS = {
    "clipped, squared error": ({"name": "adding", "length": 12}, {"name": "global_norm"}, "adam"),
    "classes": ({"name": "latch", "length": 12}, {"name": "none"}, "adamw"),
    "no such clipper": ({"name": "adding", "length": 12}, {"name": "value"}, "adam"),
    "no such optimiser": ({"name": "latch", "length": 12}, {"name": "global_norm"}, "momentum"),
    "every step": ({"name": "copy_memory", "delay": 5}, {"name": "global_norm"}, "adam"),
    "weighted classes": ({"name": "right_context"}, {"name": "value"}, "momentum"),
}


@pytest.mark.parametrize("way", WAYS)
def test_run_trains_as_without_kernels(make_spec, monkeypatch, way):
    task, clipper, optimizer = WAYS[way]
    # a bound that some updates keep and others do not
    bound = {"global_norm": {"max_norm": 0.5}, "value": {"clip_value": 0.1}}
    found = {}
    for backend in ("autograd", "compiled"):
        monkeypatch.setenv("BPTT_BACKEND", backend)
        spec = make_spec(
            task,
            "lstm",
            clipper=clipper | bound.get(clipper["name"], {}),
            optimizer={"name": optimizer, "lr": 0.02},
            training={"dtype": "float64", "steps": 40, "evaluate_every": 10},
        )
        run = TrainingRun(spec)
        reports = []
        while run.outcome is None:
            reports.append(run.advance().metrics)
        found[backend] = reports
    for ours, theirs in zip(found["compiled"], found["autograd"], strict=True):
        assert ours.keys() == theirs.keys()
        assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-12)
