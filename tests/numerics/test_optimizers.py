"""Every option of the optimisers reaches torch's."""

import pytest
import torch

from bptt.optimizers import SGD, Adam, AdamW, Momentum, RMSprop
from bptt.training.updating import make_optimizer

PAIRS = {
    "sgd": (SGD(lr=0.1, weight_decay=0.3), lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.3)),
    "momentum": (
        Momentum(lr=0.1, momentum=0.7, weight_decay=0.3),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.7, weight_decay=0.3),
    ),
    "nesterov": (
        Momentum(lr=0.1, momentum=0.7, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.7, nesterov=True),
    ),
    "rmsprop": (
        RMSprop(lr=0.1, alpha=0.6, eps=0.01, weight_decay=0.3),
        lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.6, eps=0.01, weight_decay=0.3),
    ),
    "adam": (
        Adam(lr=0.1, beta1=0.6, beta2=0.7, eps=0.01, weight_decay=0.3),
        lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.6, 0.7), eps=0.01, weight_decay=0.3),
    ),
    "adamw": (
        AdamW(lr=0.1, beta1=0.6, beta2=0.7, eps=0.01, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.6, 0.7), eps=0.01, weight_decay=0.3),
    ),
}


def moved(make):
    """Return the parameters after four updates with the gradients of a fixed function."""
    parameters = torch.nn.Parameter(torch.linspace(-2, 2, 7, dtype=torch.float64))
    optimizer = make(parameters)
    for step in range(4):
        parameters.grad = torch.cos(parameters.detach() * 3 + step)
        optimizer.step()
    return parameters.detach()


@pytest.mark.parametrize("name", PAIRS)
def test_optimizer_moves_as_torchs_with_all_its_options(name):
    spec, make = PAIRS[name]

    ours = moved(lambda p: make_optimizer(spec, p))

    torch.testing.assert_close(ours, moved(lambda p: make([p])), rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        *((name, "weight_decay") for name in ("sgd", "momentum", "rmsprop", "adam", "adamw")),
        ("adam", "beta1"),
        ("adam", "beta2"),
        ("adamw", "beta2"),
        ("rmsprop", "alpha"),
        ("nesterov", "nesterov"),
    ],
)
def test_option_of_an_optimizer_moves_the_parameters(name, option):
    spec, _ = PAIRS[name]
    without = spec.model_copy(update={option: 0.0})

    one, other = (moved(lambda p, s=s: make_optimizer(s, p)) for s in (spec, without))

    assert (one - other).abs().max() > 1e-3
