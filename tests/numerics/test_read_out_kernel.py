"""Read-out and losses in C are what torch and its autograd make of them."""

import math

import pytest
import torch
from torch import nn

from bptt.contracts.losses import class_losses, squared_errors
from bptt.kernels.compiled.read_out import Losses, ReadOut
from bptt.kernels.compiled.update import load_update_kernel

ROUNDING = {torch.float32: 2e-6, torch.float64: 1e-13}
SIZES = [(1, 1, 1), (5, 7, 1), (32, 32, 2), (33, 65, 10), (3, 128, 33)]
"""(batch, hidden, outputs)"""


def read_out_of(kernel, hidden, outputs, loss):
    """Return torch's layer, and the kernel's over the same parameters with its gradients."""
    torch.manual_seed(0)
    layer = nn.Linear(hidden, outputs, dtype=kernel.dtype)
    gradients = tuple(torch.full_like(p, torch.nan) for p in (layer.weight, layer.bias))
    losses = Losses(kernel, outputs, loss)
    return layer, ReadOut(kernel, layer.weight, layer.bias, gradients, losses), gradients


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

    right, classes = torch.zeros(2, 4, dtype=dtype), torch.zeros(2, dtype=torch.int64)
    for read, targets in (
        (torch.zeros(2, 5, dtype=dtype), classes),
        (right, torch.zeros(3, dtype=torch.int64)),
        (right, classes.unsqueeze(1)),
        (right, torch.zeros(2)),
        (torch.zeros(2, 4, dtype=other), classes),
    ):
        with pytest.raises(ValueError, match="must be"):
            read_out.run(read, targets)


def test_predictions_that_do_not_fit_their_targets_are_refused(kernel, dtype):
    losses, squares = Losses(kernel, 3, "cross_entropy"), Losses(kernel, 1, "squared_error")
    classes = torch.zeros(4, dtype=torch.int64)

    for of, outputs, targets, counts in (
        (losses, torch.zeros(4, 2, dtype=dtype), classes, None),
        (losses, torch.zeros(5, 3, dtype=dtype), classes, None),
        (losses, torch.zeros(4, 3, dtype=torch.float16), classes, None),
        (losses, torch.zeros(4, 3, dtype=dtype), classes, torch.ones(3).bool()),
        (squares, torch.zeros(4, 1, dtype=dtype), classes, None),
    ):
        with pytest.raises(ValueError, match="must be"):
            of.run(outputs, targets, counts)


def losses_of(outputs, targets, loss, counts, weights):
    """Return the mean as the framework takes it, and its derivative by autograd."""
    leaf = outputs.detach().requires_grad_()
    if loss == "cross_entropy":
        found = class_losses(leaf, targets, weights)
    else:
        found = squared_errors(leaf, targets)
    mean = found.mean() if counts is None else torch.where(counts, found, 0.0).sum() / counts.sum()
    return mean.detach(), torch.autograd.grad(mean, leaf)[0]


@pytest.mark.parametrize("weights", [None, (1.0, 5.0, 0.0, 0.25, 1.0)], ids=["", "weighted"])
@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
@pytest.mark.parametrize("shape", [(1,), (7,), (9, 4), (33, 5)], ids=str)
def test_losses_are_those_of_autograd(kernel, dtype, shape, masked, weights):
    torch.manual_seed(1)
    losses = Losses(kernel, 5, "cross_entropy", weights)
    for _ in range(2):
        outputs = torch.randn(*shape, 5, dtype=dtype) * 5
        targets = torch.randint(5, shape)
        counts = torch.rand(shape) < 0.7 if masked else None
        if masked:
            counts.view(-1)[0] = True

        mean, gradients = losses.run(outputs, targets, counts)

        expected = losses_of(outputs, targets, "cross_entropy", counts, weights)
        found = torch.tensor(mean, dtype=dtype), gradients
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=ROUNDING[dtype], atol=ROUNDING[dtype])


@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
def test_squared_errors_at_every_step_are_those_of_autograd(kernel, dtype, masked):
    losses = Losses(kernel, 1, "squared_error")
    outputs, targets = torch.randn(9, 4, 1, dtype=dtype), torch.randn(9, 4)
    counts = torch.rand(9, 4) < 0.7 if masked else None

    mean, gradients = losses.run(outputs, targets, counts)

    expected = losses_of(outputs, targets, "squared_error", counts, None)
    assert mean == pytest.approx(expected[0].item(), rel=1e-6)
    torch.testing.assert_close(gradients, expected[1], rtol=ROUNDING[dtype], atol=0)


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
def test_logit_that_is_not_finite_spoils_its_row_alone(kernel, dtype, value, masked):
    losses = Losses(kernel, 3, "cross_entropy")
    outputs, targets = torch.randn(6, 3, dtype=dtype), torch.randint(3, (6,))
    outputs[2, 1] = value
    counts = torch.arange(6) != 2 if masked else None

    mean, gradients = losses.run(outputs, targets, counts)

    expected, to_outputs = losses_of(outputs, targets, "cross_entropy", counts, None)
    torch.testing.assert_close(torch.tensor(mean, dtype=dtype), expected, equal_nan=True)
    others = torch.arange(6) != 2
    torch.testing.assert_close(gradients[others], to_outputs[others])
    if masked:
        assert torch.equal(gradients[2], torch.zeros(3, dtype=dtype))
    else:
        torch.testing.assert_close(gradients[2], to_outputs[2], equal_nan=True)


def test_mean_of_no_losses_is_not_a_number(kernel, dtype):
    losses = Losses(kernel, 3, "cross_entropy")

    mean, gradients = losses.run(
        torch.randn(4, 3, dtype=dtype), torch.zeros(4, dtype=torch.int64), torch.zeros(4).bool()
    )

    assert math.isnan(mean)
    assert torch.equal(gradients, torch.zeros(4, 3, dtype=dtype))


def test_library_for_a_smaller_processor_is_right_too(smaller_processor, dtype):
    kernel = load_update_kernel(dtype)
    assert list(smaller_processor.glob("*.so"))
    test_read_out_is_that_of_autograd(kernel, dtype, SIZES[3], "cross_entropy")
    test_losses_are_those_of_autograd(kernel, dtype, (33, 5), True, (1.0, 5.0, 0.0, 0.25, 1.0))
