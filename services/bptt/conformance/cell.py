"""What every cell must do, checked on small random inputs."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

import torch

from bptt.conformance import unrolled
from bptt.conformance.pointwise import check_declarations, check_products, check_step
from bptt.conformance.requirement import constructed, require, running, same
from bptt.conformance.roles import check_roles
from bptt.contracts import Cell, GateRole, PointwiseCell

Make = Callable[[int], Cell]
"""Constructs a fresh cell with parameters drawn from a seed."""


def check_cell(
    cell_class: type[Cell],
    options: Mapping[str, Any] | None = None,
    *,
    input_size: int = 3,
    hidden_size: int = 8,
) -> None:
    """Check a cell class against its contract, with its default options or those given.

    Raises:
        ContractViolation: the first rule that it breaks, in one line.
        InvalidSpec: an option given does not fit.
    """

    def make(seed: int) -> Cell:
        torch.manual_seed(seed)
        cell: Cell = constructed("cell", cell_class, options, input_size, hidden_size)
        return cell

    with running(cell_class.__name__), torch.random.fork_rng(devices=[]):
        _check_names(cell_class)
        if issubclass(cell_class, PointwiseCell):
            check_declarations(cell_class)
        pointwise = make(0)
        if isinstance(pointwise, PointwiseCell):
            check_products(pointwise)
        _check_construction(make, input_size, hidden_size)
        _check_reset(make)
        if isinstance(pointwise, PointwiseCell):
            check_step(pointwise.double(), hidden_size)
        for dtype in (torch.float32, torch.float64):
            unrolled.check_states(make(0).to(dtype), dtype)
        unrolled.check_effects(make(0))
        unrolled.check_purity(make(0))
        unrolled.check_rows(make(0).double())
        unrolled.check_gradients(make(0).double())
        unrolled.check_loading(make(0), make(1))
        unrolled.check_gates(make(0))
        if isinstance(pointwise, PointwiseCell):
            check_roles(pointwise)
        unrolled.check_recurrent_weights(make(0))


def _check_names(cell_class: type[Cell]) -> None:
    name = cell_class.__name__
    states = getattr(cell_class, "states", None)
    require(
        isinstance(states, tuple)
        and len(states) > 0
        and len(set(states)) == len(states)
        and all(isinstance(state, str) and state.isidentifier() for state in states),
        f"{name}.states must be a tuple of different names such as ('h', 'c'), got {states!r}.",
    )
    roles = get_args(GateRole)
    for gate, role in cell_class.gates.items():
        require(
            role in roles,
            f"{name}.gates[{gate!r}] must be one of {', '.join(roles)}, got {role!r}.",
        )


def _check_construction(make: Make, input_size: int, hidden_size: int) -> None:
    cell, again = make(3), make(3)
    name = type(cell).__name__
    require(
        torch.initial_seed() == 3,
        f"The constructor of {name} must not seed torch's generator: the run does.",
    )
    for attribute, size in (("input_size", input_size), ("hidden_size", hidden_size)):
        got = getattr(cell, attribute, None)
        require(got == size, f"{name}.{attribute} must be {size} as constructed, got {got!r}.")
    require(
        same(list(cell.parameters()), list(again.parameters())),
        f"{name} must draw its parameters from torch's generator alone: "
        "two cells under one seed differ.",
    )


def _check_reset(make: Make) -> None:
    reset = []
    for _ in range(2):
        cell = make(0)
        before = dict(cell.named_parameters())
        torch.manual_seed(1)
        subject = f"{type(cell).__name__}.reset_parameters"
        with running(subject):
            cell.reset_parameters(horizon=100)
        after = dict(cell.named_parameters())
        require(
            before.keys() == after.keys() and all(before[n] is after[n] for n in before),
            f"{subject} must fill the parameters in place, not replace them.",
        )
        reset.append([parameter.detach() for parameter in after.values()])
    require(same(reset[0], reset[1]), f"{subject} must draw from torch's generator alone.")
    require(
        all(bool(parameter.isfinite().all()) for parameter in reset[0]),
        f"{subject} must leave finite parameters.",
    )
