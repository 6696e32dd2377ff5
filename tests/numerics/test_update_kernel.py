"""What an update does in C besides the cells is what torch does."""

import platform

import pytest
import torch
from torch import nn

from bptt.contracts import joint_norm
from bptt.kernels.update import LANES, AdamStep, ReadOut, load_update_kernel
from bptt.spec import Adam, AdamW
from bptt.training import TrainingRun
from bptt.training.optimizers import Updating, make_optimizer

DTYPES = {"float32": torch.float32, "float64": torch.float64}
ROUNDING = {torch.float32: 2e-6, torch.float64: 1e-13}
SIZES = [(1, 1, 1), (5, 7, 1), (32, 32, 2), (33, 65, 10), (3, 128, 33)]
"""(batch, hidden, outputs)"""


@pytest.fixture(params=DTYPES)
def dtype(request):
    return DTYPES[request.param]


@pytest.fixture
def kernel(dtype):
    return load_update_kernel(dtype)


def read_out_of(kernel, hidden, outputs, loss):
    """Return torch's layer, and the kernel's over the same parameters with its gradients."""
    torch.manual_seed(0)
    layer = nn.Linear(hidden, outputs, dtype=kernel.dtype)
    gradients = tuple(torch.full_like(p, torch.nan) for p in (layer.weight, layer.bias))
    return layer, ReadOut(kernel, layer.weight, layer.bias, gradients, loss), gradients


def targets_of(loss, batch, outputs):
    # float32 whatever the model's type, as tasks draw them
    return torch.randint(outputs, (batch,)) if loss == "cross_entropy" else torch.randn(batch)


def by_torch(layer, read, targets, loss):
    """Return outputs, loss and gradients to what was read, the weight and the bias."""
    read = read.detach().requires_grad_()
    outputs = layer(read)
    if loss == "cross_entropy":
        mean = nn.functional.cross_entropy(outputs, targets)
    else:
        mean = nn.functional.mse_loss(outputs.squeeze(1), targets.to(outputs.dtype))
    return outputs, mean, *torch.autograd.grad(mean, (read, layer.weight, layer.bias))


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_read_out_is_that_of_autograd(kernel, dtype, sizes, loss):
    batch, hidden, outputs = sizes
    outputs = 1 if loss == "squared_error" else outputs
    layer, read_out, gradients = read_out_of(kernel, hidden, outputs, loss)
    # twice, because buffers are used again; the rows of a kernel's states are padded
    for _ in range(2):
        read = torch.randn(batch, hidden + 3, dtype=dtype)[:, :hidden]
        targets = targets_of(loss, batch, outputs)

        found = read_out.run(read, targets)

        expected = by_torch(layer, read, targets, loss)
        found = (found[0], torch.tensor(found[1], dtype=dtype), found[2], *gradients)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(
                one, other.detach(), rtol=ROUNDING[dtype], atol=ROUNDING[dtype]
            )


def test_read_out_follows_the_size_of_the_batch(kernel, dtype):
    layer, read_out, gradients = read_out_of(kernel, 8, 3, "cross_entropy")
    for batch in (4, 9, 2):
        read, targets = torch.randn(batch, 8, dtype=dtype), torch.randint(3, (batch,))

        outputs, _, to_read = read_out.run(read, targets)

        expected = by_torch(layer, read, targets, "cross_entropy")
        torch.testing.assert_close(outputs, expected[0].detach())
        torch.testing.assert_close(to_read, expected[2])
        torch.testing.assert_close(gradients[0], expected[3])


def test_logits_of_any_size_have_a_cross_entropy(kernel, dtype):
    layer, read_out, _ = read_out_of(kernel, 4, 3, "cross_entropy")
    read, targets = torch.randn(6, 4, dtype=dtype) * 1e4, torch.randint(3, (6,))

    _, loss, to_read = read_out.run(read, targets)

    _, expected, to_expected, *_ = by_torch(layer, read, targets, "cross_entropy")
    assert loss == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(to_read, to_expected)


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_what_is_not_finite_comes_out_as_in_torch(kernel, dtype, value, loss):
    outputs = 3 if loss == "cross_entropy" else 1
    layer, read_out, gradients = read_out_of(kernel, 4, outputs, loss)
    read = torch.randn(5, 4, dtype=dtype)
    read[2, 1] = value
    targets = targets_of(loss, 5, outputs)

    _, mean, to_read = read_out.run(read, targets)

    _, expected, to_expected, to_weight, to_bias = by_torch(layer, read, targets, loss)
    torch.testing.assert_close(torch.tensor(mean, dtype=dtype), expected.detach(), equal_nan=True)
    for one, other in zip((to_read, *gradients), (to_expected, to_weight, to_bias), strict=True):
        assert torch.equal(one.isfinite(), other.isfinite())


@pytest.mark.parametrize("wrong", [-1, 3, 2**40])
def test_target_that_is_no_class_is_refused(kernel, dtype, wrong):
    _, read_out, _ = read_out_of(kernel, 4, 3, "cross_entropy")
    targets = torch.tensor([0, 2, wrong, 1])

    with pytest.raises(IndexError, match=r"targets must be classes 0 \.\. 2, got"):
        read_out.run(torch.randn(4, 4, dtype=dtype), targets)


def test_shapes_and_types_that_do_not_fit_are_refused(kernel, dtype):
    _, read_out, _ = read_out_of(kernel, 4, 3, "cross_entropy")
    other = torch.float32 if dtype == torch.float64 else torch.float64

    for read, targets in (
        (torch.zeros(2, 5, dtype=dtype), torch.zeros(2)),
        (torch.zeros(2, 4, dtype=dtype), torch.zeros(3)),
        (torch.zeros(2, 4, dtype=dtype), torch.zeros(2, 1)),
        (torch.zeros(2, 4, dtype=other), torch.zeros(2)),
    ):
        with pytest.raises(ValueError, match="must be"):
            read_out.run(read, targets)


@pytest.mark.parametrize("size", [1e-37, 1e-25, 1.0, 1e18])
def test_norm_is_summed_in_float64(kernel, dtype, size):
    gradients = torch.randn(5 * LANES, dtype=dtype) * size
    vectors = [gradients.clone() for _ in range(4)]
    step = AdamStep(kernel, vectors, torch.tensor(0.0), dict.fromkeys(RATES, 0.1), False)

    assert step.norm() == pytest.approx(float(joint_norm({"": gradients})), rel=1e-12)


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
        parameters = nn.Parameter(torch.randn(3 * LANES, dtype=dtype))
        parameters.grad = torch.zeros_like(parameters)
        optimizer = make_optimizer(OPTIMIZERS[name], parameters)
        updating = Updating(optimizer, has)
        for number in range(50):
            parameters.grad.copy_(torch.cos(parameters.detach() * 3 + number) * 10.0**-number)
            if updating.norm() is None:
                assert number == 0 or has is None
                parameters.grad.mul_(scale)
                updating.step()
            else:
                assert updating.step_scaled(scale)
            if number == 20:
                # moments of a checkpoint lie elsewhere
                optimizer.load_state_dict(optimizer.state_dict())
        state = optimizer.state[parameters]
        assert float(state["step"]) == 50
        found.append((parameters.detach(), parameters.grad, state["exp_avg"], state["exp_avg_sq"]))
    for ours, theirs in zip(*found, strict=True):
        # relative to the largest, because some cross zero
        rounding = 10 * ROUNDING[dtype] * theirs.abs().max()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=float(rounding))


@pytest.mark.parametrize("place", [0, LANES - 1, LANES, 4 * LANES - 1])
@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_step_says_whether_a_parameter_is_not_finite(kernel, dtype, place, value):
    vectors = [torch.ones(4 * LANES, dtype=dtype) for _ in range(4)]
    rates = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.0}
    step = AdamStep(kernel, vectors, torch.tensor(1.0), rates, False)

    assert step.step(1.0)
    vectors[0][place] = value
    assert not step.step(1.0)


def test_vectors_that_do_not_fit_are_refused(kernel, dtype):
    rates = dict.fromkeys(RATES, 0.1)
    for vectors in (
        [torch.zeros(LANES + 1, dtype=dtype)] * 4,
        [torch.zeros(LANES, dtype=dtype)] * 3 + [torch.zeros(2 * LANES, dtype=dtype)],
        [torch.zeros(2 * LANES, dtype=dtype)[::2]] * 4,
        [torch.zeros(LANES, dtype=torch.float16)] * 4,
    ):
        with pytest.raises(ValueError, match="vectors must have"):
            AdamStep(kernel, vectors, torch.tensor(0.0), rates, False)
    with pytest.raises(ValueError, match="vectors must have"):
        AdamStep(
            kernel,
            [torch.zeros(LANES, dtype=dtype)] * 4,
            torch.tensor(0, dtype=torch.int64),
            rates,
            False,
        )


NARROWER = {"x86_64": ["-mno-avx512f", "-mno-avx"]}.get(platform.machine(), [])


@pytest.mark.parametrize("flags", ["-O0", *NARROWER])
def test_library_for_a_smaller_processor_is_right_too(monkeypatch, tmp_path, dtype, flags):
    monkeypatch.setenv("CC", f"cc {flags}")
    monkeypatch.setenv("BPTT_KERNEL_CACHE", str(tmp_path))
    kernel = load_update_kernel(dtype)
    assert list(tmp_path.glob("*.so"))
    test_read_out_is_that_of_autograd(kernel, dtype, SIZES[3], "cross_entropy")
    test_scaled_steps_are_those_of_torchs_optimizer(kernel, dtype, "adamw", 0.3)


def test_without_a_compiler_there_is_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert load_update_kernel(torch.float32) is None


WAYS = {
    "clipped, squared error": ({"name": "adding", "length": 12}, {"name": "global_norm"}, "adam"),
    "classes": ({"name": "latch", "length": 12}, {"name": "none"}, "adamw"),
    "no such clipper": ({"name": "adding", "length": 12}, {"name": "value"}, "adam"),
    "no such optimiser": ({"name": "latch", "length": 12}, {"name": "global_norm"}, "momentum"),
    "every step": ({"name": "copy_memory", "delay": 5}, {"name": "global_norm"}, "adam"),
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
