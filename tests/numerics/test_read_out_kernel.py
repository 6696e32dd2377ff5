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


def read_out_of(kernel, hidden, outputs, loss, every=False, weights=None):
    """Return torch's layer, and the kernel's over the same parameters with its gradients."""
    torch.manual_seed(0)
    layer = nn.Linear(hidden, outputs, dtype=kernel.dtype)
    gradients = tuple(torch.full_like(p, torch.nan) for p in (layer.weight, layer.bias))
    losses = Losses(kernel, outputs, loss, weights)
    return layer, ReadOut(kernel, layer.weight, layer.bias, gradients, losses, every), gradients


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


def test_steps_that_do_not_fit_their_targets_are_refused(kernel, dtype):
    _, of_classes, _ = read_out_of(kernel, 4, 3, "cross_entropy", every=True)
    _, of_numbers, _ = read_out_of(kernel, 4, 1, "squared_error", every=True)
    read, classes = torch.zeros(5, 2, 4, dtype=dtype), torch.zeros(5, 2, dtype=torch.int64)

    for of, targets, counts in (
        (of_classes, classes[:4], None),
        (of_classes, classes, torch.ones(5, 1).bool()),
        (of_classes, classes.double(), None),
        (of_numbers, classes, None),
    ):
        with pytest.raises(ValueError, match="must be"):
            of.run(read, targets, counts)


def steps_by_torch(layer, read, targets, loss, counts=None, weights=None):
    """Return outputs, the mean as the framework takes it, and its derivatives by autograd."""
    read = read.detach().requires_grad_()
    outputs = layer(read)
    if loss == "cross_entropy":
        found = class_losses(outputs, targets, weights)
    else:
        found = squared_errors(outputs, targets.to(outputs.dtype))
    mean = found.mean() if counts is None else torch.where(counts, found, 0.0).sum() / counts.sum()
    return outputs, mean, *torch.autograd.grad(mean, (read, layer.weight, layer.bias))


WEIGHTED = {1: None, 2: (1.0, 0.25), 5: (1.0, 5.0, 0.0, 0.25, 1.0), 100: None, 300: None}


@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize(
    "sizes",
    [(1, 1, 1, 1), (7, 3, 5, 2), (33, 5, 32, 5), (9, 32, 33, 100), (3, 50, 20, 300)],
    ids=str,
)
def test_read_out_of_every_step_is_that_of_autograd(kernel, dtype, sizes, loss, masked):
    time, batch, hidden, outputs = sizes
    outputs = 1 if loss == "squared_error" else outputs
    weights = WEIGHTED[outputs] if loss == "cross_entropy" else None
    layer, read_out, gradients = read_out_of(kernel, hidden, outputs, loss, True, weights)
    counts = None
    if masked:
        # whole tiles of rows do not count
        counts = (torch.rand(time, batch) < 0.6) & (torch.arange(time).unsqueeze(1) >= time // 2)
        counts[-1, -1] = True
    # twice, because buffers are used again; the rows of a kernel's states are padded
    for _ in range(2):
        read = 3 * torch.randn(time, batch, hidden + 3, dtype=dtype)[..., :hidden]
        targets = torch.randint(outputs, (time, batch))
        targets = torch.randn(time, batch) if loss == "squared_error" else targets

        found = read_out.run(read, targets, counts)

        expected = steps_by_torch(layer, read, targets, loss, counts, weights)
        found = (found[0], torch.tensor(found[1], dtype=dtype), found[2], *gradients)
        for one, other in zip(found, expected, strict=True):
            tolerance = 4 * ROUNDING[dtype]
            torch.testing.assert_close(one, other.detach(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
def test_step_that_is_not_finite_comes_out_as_in_torch(kernel, dtype, value):
    layer, read_out, gradients = read_out_of(kernel, 4, 3, "cross_entropy", every=True)
    read, targets = torch.randn(200, 2, 4, dtype=dtype), torch.randint(3, (200, 2))
    read[190, 1, 2] = value

    outputs, mean, to_read = read_out.run(read, targets)

    expected = steps_by_torch(layer, read, targets, "cross_entropy")
    assert math.isnan(mean)
    for one, other in zip((outputs, to_read, *gradients), expected[:1] + expected[2:], strict=True):
        assert torch.equal(one.isfinite(), other.isfinite())


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
def test_step_that_is_not_finite_is_seen_by_the_weight_even_where_no_step_counts(
    kernel, dtype, value
):
    _, read_out, gradients = read_out_of(kernel, 4, 3, "cross_entropy", every=True)
    read, targets = torch.randn(200, 2, 4, dtype=dtype), torch.randint(3, (200, 2))
    counts = (torch.arange(200) < 100).unsqueeze(1).expand(200, 2)
    _, without, _ = read_out.run(read, targets, counts)
    assert gradients[0].isfinite().all()
    read[190, 1, 2] = value

    outputs, mean, to_read = read_out.run(read, targets, counts)

    # 0 times what is not finite is not a number, as in a product of matrices
    assert mean == without
    assert not outputs[190, 1].isfinite().any()
    assert torch.equal(to_read[100:], torch.zeros(100, 2, 4, dtype=dtype))
    assert gradients[0].isnan().sum(0).tolist() == [0, 0, 3, 0]
    assert gradients[1].isfinite().all()


def test_mean_of_no_losses_is_not_a_number(kernel, dtype):
    _, read_out, _ = read_out_of(kernel, 4, 3, "cross_entropy", every=True)
    targets = torch.zeros(2, 2, dtype=torch.int64)

    _, mean, to_read = read_out.run(
        torch.randn(2, 2, 4, dtype=dtype), targets, torch.zeros(2, 2).bool()
    )

    assert math.isnan(mean)
    assert torch.equal(to_read, torch.zeros(2, 2, 4, dtype=dtype))


@pytest.mark.parametrize("wrong", [-1, 3])
def test_target_that_does_not_count_need_not_be_a_class(kernel, dtype, wrong):
    _, read_out, _ = read_out_of(kernel, 4, 3, "cross_entropy", every=True)
    read, targets = torch.randn(2, 2, 4, dtype=dtype), torch.tensor([[0, wrong], [2, 1]])

    _, mean, _ = read_out.run(read, targets, targets != wrong)

    assert math.isfinite(mean)
    with pytest.raises(IndexError, match=r"targets must be classes 0 \.\. 2, got"):
        read_out.run(read, targets)


def test_gradient_of_an_embedding_is_that_of_autograd(kernel, dtype):
    embedding = nn.Embedding(9, 5, dtype=dtype)
    tokens, gradient = torch.randint(9, (7, 3)), torch.randn(7, 3, 5, dtype=dtype)
    found = torch.zeros(9, 5, dtype=dtype)

    kernel.add_rows(found, gradient, tokens)

    (expected,) = torch.autograd.grad(embedding(tokens), embedding.weight, gradient)
    torch.testing.assert_close(found, expected)
    with pytest.raises(ValueError, match="rows must be"):
        kernel.add_rows(found, gradient[:6], tokens)


def test_library_for_a_smaller_processor_is_right_too(smaller_processor, dtype):
    kernel = load_update_kernel(dtype)
    assert list(smaller_processor.glob("*.so"))
    test_read_out_is_that_of_autograd(kernel, dtype, SIZES[3], "cross_entropy")
    test_read_out_of_every_step_is_that_of_autograd(
        kernel, dtype, (33, 5, 32, 5), "cross_entropy", masked=True
    )
