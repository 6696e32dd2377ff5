"""Squares of gradients that are no number of their type: both Adams do the same, and it is told."""

import pytest
import torch

from bptt.kernels.compiled.update import load_update_kernel
from bptt.optimizers import Adam, AdamW, RMSprop
from bptt.training.updating import Updating

F32, F64 = torch.float32, torch.float64


@pytest.fixture(autouse=True)
def flushed():
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


SQUARES = [
    (F32, 1e16, 0),
    (F32, 1e19, 0),
    (F32, 1e21, 16),
    (F32, 3e38, 16),
    (F32, 1e-20, 0),
    (F32, 1e-37, 0),
    (F64, 1e150, 0),
    (F64, 1e154, 0),
    (F64, 1e157, 16),
    (F64, 1.7e308, 16),
    (F64, 1e-160, 0),
    (F64, 1e-300, 0),
]


@pytest.mark.parametrize(("dtype", "size", "overflowed"), SQUARES)
@pytest.mark.parametrize("optimizer", [Adam(lr=0.01), AdamW(lr=0.01), Adam(lr=0.01, eps=1e-30)])
def test_squares_beyond_their_type_do_the_same_to_both_adams(dtype, size, overflowed, optimizer):
    found = []
    for kernel in (load_update_kernel(dtype), None):
        parameters = torch.nn.Parameter(torch.linspace(0.5, 1.0, 32).to(dtype))
        parameters.grad = torch.zeros_like(parameters)
        updating = Updating(optimizer, parameters, kernel)
        finite = []
        for number in range(4):
            # the first step is torch's; from the second on one half is as large as given
            parameters.grad[:16], parameters.grad[16:] = (size if number else 1.0), 1e-3
            finite.append(updating.step())
        found.append((parameters.detach(), finite, updating.overflowed()))

    (ours, finite, count), (theirs, other, other_count) = found
    assert finite == other
    assert count == other_count == overflowed
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=0, equal_nan=True)


def test_what_rmsprop_no_longer_follows_is_counted():
    parameters = torch.nn.Parameter(torch.ones(16))
    parameters.grad = torch.ones(16)
    parameters.grad[:3] = 1e30
    updating = Updating(RMSprop(), parameters)
    updating.step()

    assert updating.overflowed() == 3
