"""The optimisers' steps are torch's, bit for bit, with every option."""

import subprocess
import sys
from copy import deepcopy

import pytest
import torch

from bptt.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Momentum, RMSprop
from bptt.training.updating import Updating

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
        lambda p: torch.optim.Adam(
            p, lr=0.1, betas=(0.6, 0.7), eps=0.01, weight_decay=0.3, fused=True
        ),
    ),
    "adamw": (
        AdamW(lr=0.1, beta1=0.6, beta2=0.7, eps=0.01, weight_decay=0.3),
        lambda p: torch.optim.AdamW(
            p, lr=0.1, betas=(0.6, 0.7), eps=0.01, weight_decay=0.3, fused=True
        ),
    ),
}


FREE = {**PAIRS, "sgd without decay": (SGD(lr=0.1), lambda p: torch.optim.SGD(p, lr=0.1))}


def start(dtype):
    parameters = torch.nn.Parameter(torch.linspace(-2, 2, 37, dtype=dtype))
    parameters.grad = torch.zeros_like(parameters)
    return parameters


def go_on(parameters, optimizer, *steps):
    """Do steps with the gradients of a fixed function."""
    for step in steps:
        parameters.grad.copy_(torch.cos(parameters.detach() * 3 + step))
        optimizer.step()


def moved(spec):
    """Return the parameters after four steps."""
    parameters = start(torch.float64)
    go_on(parameters, Updating(spec, parameters), 0, 1, 2, 3)
    return parameters.detach()


@pytest.mark.parametrize("name", FREE)
def test_optimizer_has_the_bits_of_torchs_with_all_its_options(name, dtype):
    spec, make = FREE[name]
    ours, theirs = start(dtype), start(dtype)
    updating, optimizer = Updating(spec, ours), make([theirs])

    for step in range(20):
        go_on(ours, updating, step)
        go_on(theirs, optimizer, step)
        assert torch.equal(ours, theirs)

    kept = optimizer.state[theirs]
    assert updating.moments.keys() == kept.keys()
    assert all(torch.equal(updating.moments[key], kept[key]) for key in kept)
    assert all(updating.moments[key].dtype == kept[key].dtype for key in kept)


@pytest.mark.parametrize("name", FREE)
def test_a_checkpoint_of_torchs_optimizer_goes_on_here_and_one_of_ours_there(name, dtype):
    # earlier versions trained with torch's, and one of them may take a run over
    spec, make = FREE[name]
    whole, ours, theirs = start(dtype), start(dtype), start(dtype)
    go_on(whole, Updating(spec, whole), *range(6))
    updating, optimizer = Updating(spec, ours), make([theirs])

    go_on(ours, updating, 0, 1, 2)
    go_on(theirs, optimizer, 0, 1, 2)
    here, there = Updating(spec, theirs), make([ours])
    here.load_state_dict(deepcopy(optimizer.state_dict()))
    there.load_state_dict(deepcopy(updating.state_dict()))
    go_on(theirs, here, 3, 4, 5)
    go_on(ours, there, 3, 4, 5)

    assert torch.equal(theirs, whole)
    assert torch.equal(ours, whole)


TRAIN_WITH_EACH = """
import json, sys
import torch
from bptt import registry
from bptt.contracts import PointwiseCell
from bptt.kernels.step.tracing import trace
from bptt.optimizers import OPTIMIZERS
from bptt.spec import RunSpec
from bptt.training import TrainingRun

for name in OPTIMIZERS:
    spec = {**json.loads(sys.argv[1]), "optimizer": {"name": name}}
    run = TrainingRun(RunSpec.model_validate(spec))
    while run.outcome is None:
        run.advance()
    TrainingRun(run.spec).load_state_dict(run.state_dict())
for name in registry.discover("cell"):
    cell = registry.load("cell", name)(3, 4)
    if isinstance(cell, PointwiseCell):
        trace(cell, torch.float32)
print(sorted(module for module in sys.modules if module.startswith("torch._dynamo")))
"""


def test_no_optimizer_and_no_cell_has_torchs_compiler_imported(make_spec):
    spec = make_spec(statistics={"interval": 2, "jacobian_interval": 2})

    done = subprocess.run(
        [sys.executable, "-c", TRAIN_WITH_EACH, spec.model_dump_json()],
        capture_output=True,
        text=True,
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")


OPTIONS = [
    (name, option)
    for name, (spec, _) in PAIRS.items()
    for option in type(spec).model_fields
    if option not in ("name", "lr", "eps", *(("nesterov",) if name != "nesterov" else ()))
]
"""A rate that is 0 moves nothing, and next to nothing is divided by `eps` alone."""


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_option_of_an_optimizer_moves_the_parameters(name, option):
    spec, _ = PAIRS[name]
    other = 0.5 if not getattr(spec, option) else 0.0
    without = spec.model_copy(update={option: other})

    assert (moved(spec) - moved(without)).abs().max() > 1e-3


def test_every_optimizer_is_compared_with_torchs():
    assert {type(spec) for spec, _ in PAIRS.values()} == set(OPTIMIZERS.values())


@pytest.mark.parametrize("name", PAIRS)
def test_every_mean_of_squares_is_looked_after(name):
    spec, _ = PAIRS[name]
    parameters = start(torch.float32)
    updating = Updating(spec, parameters)
    parameters.grad.fill_(1e30)

    updating.step()

    infinite = {key for key, kept in updating.moments.items() if not kept.isfinite().all()}
    assert infinite == ({spec.squares} if spec.squares else set())
    assert updating.overflowed() == (37 if spec.squares else 0)
