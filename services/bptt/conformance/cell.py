"""What every cell must do, checked on small random inputs."""

import io
from collections.abc import Callable, Mapping
from typing import Any, get_args

import torch
from torch import Tensor

from bptt.conformance.pointwise import check_declarations, check_step
from bptt.conformance.requirement import require, require_tensor, running, same
from bptt.contracts import Cell, GateRole, PointwiseCell, State
from bptt.registry import construct_class

BATCH, STEPS = 4, 6

Make = Callable[[int], Cell]
"""Constructs a fresh cell with parameters drawn under a seed."""


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
        with running(f"The constructor of {cell_class.__name__}"):
            cell: Cell = construct_class("cell", cell_class, options or {}, input_size, hidden_size)
        return cell

    with torch.random.fork_rng(devices=[]):
        _check_names(cell_class)
        if issubclass(cell_class, PointwiseCell):
            check_declarations(cell_class)
        _check_construction(make, input_size, hidden_size)
        _check_reset(make)
        for dtype in (torch.float32, torch.float64):
            _check_states(make(0).to(dtype), dtype)
        _check_forward_is_pure(make(0))
        _check_rows_are_independent(make(0).double().eval())
        _check_gradients(make(0).double())
        _check_save_and_load(make)
        _check_gates(make(0))
        _check_recurrent_weights(make(0))
        if issubclass(cell_class, PointwiseCell):
            cell = make(0).double()
            check_step(cell, hidden_size)


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
    require(same(*reset), f"{subject} must draw from torch's generator alone.")
    require(
        all(bool(parameter.isfinite().all()) for parameter in reset[0]),
        f"{subject} must leave finite parameters.",
    )


def _check_states(cell: Cell, dtype: torch.dtype) -> None:
    name, shape = type(cell).__name__, (BATCH, cell.hidden_size)
    with running(f"{name}.initial_state"):
        state = cell.initial_state(BATCH)
    _require_state(cell, f"{name}.initial_state", state, dtype)
    x = torch.randn(STEPS, BATCH, cell.input_size, dtype=dtype)
    with running(f"{name}.forward in {dtype}"), torch.no_grad():
        for x_t in x:
            state = cell(x_t, state)
            _require_state(cell, f"{name}.forward", state, dtype)
    for value in state:
        require(
            bool(value.isfinite().all()),
            f"{name}.forward must stay finite for inputs of size 1; state of shape {shape} is not.",
        )


def _require_state(cell: Cell, subject: str, state: State, dtype: torch.dtype) -> None:
    require(
        isinstance(state, tuple) and len(state) == len(cell.states),
        f"{subject} must return a tuple with one tensor for each of {cell.states}.",
    )
    for name, value in zip(cell.states, state, strict=True):
        shape = (BATCH, cell.hidden_size)
        require_tensor(value, f"{name!r} of {subject}", shape, dtype)


def _check_forward_is_pure(cell: Cell) -> None:
    name = type(cell).__name__
    x, state = _random_arguments(cell)
    given = [x[0].clone(), *(s.clone() for s in state)]
    results = []
    for _ in range(2):
        torch.manual_seed(2)
        with torch.no_grad(), running(f"{name}.forward"):
            results.append(cell(x[0], state))
    require(same([x[0], *state], given), f"{name}.forward must not change its arguments.")
    require(
        same(*results),
        f"{name}.forward must depend on its arguments and parameters alone: "
        "two equal calls under one seed differ.",
    )


def _check_rows_are_independent(cell: Cell) -> None:
    name = type(cell).__name__
    x, state = _random_arguments(cell, torch.float64)
    with torch.no_grad(), running(f"{name}.forward with a batch of 1"):
        together = _unroll(cell, x, state)
        alone = _unroll(cell, x[:, 1:2], tuple(s[1:2] for s in state))
    require(
        same([s[1:2] for s in together], alone, 1e-9),
        f"{name}.forward must treat every sequence alone: its result changes with the rest "
        "of the batch.",
    )


def _check_gradients(cell: Cell) -> None:
    name = type(cell).__name__
    x, state = _random_arguments(cell, torch.float64)
    x = x.requires_grad_()
    state = tuple(s.requires_grad_() for s in state)
    to_input, *to_state = _gradients(cell, x, state, [x, *state])
    require(
        bool((to_input[0] != 0).any()),
        f"{name} must carry gradients back to t = 0: the one of x_0 is zero after {STEPS} steps. "
        "Is a state detached or an input not used?",
    )
    require(
        any(bool((gradient != 0).any()) for gradient in to_state),
        f"{name} must carry gradients back to t = 0: the one of the first state is zero after "
        f"{STEPS} steps. Is a state detached or not used?",
    )
    named = {n: p for n, p in cell.named_parameters() if p.numel() > 0 and p.requires_grad}
    initial = cell.initial_state(BATCH)
    to_parameters = _gradients(cell, x, initial, list(named.values()))
    for (parameter, _), gradient in zip(named.items(), to_parameters, strict=True):
        require(
            bool((gradient != 0).any()), f"{name}.{parameter} gets no gradient: it is not used."
        )


def _check_save_and_load(make: Make) -> None:
    saved, loaded = make(0), make(1)
    name = type(saved).__name__
    buffer = io.BytesIO()
    with running(f"Saving and loading the state_dict of {name}"):
        torch.save(saved.state_dict(), buffer)
        buffer.seek(0)
        loaded.load_state_dict(torch.load(buffer, weights_only=True))
        x, state = _random_arguments(saved)
        with torch.no_grad():
            same_results = same(_unroll(saved, x, state), _unroll(loaded, x, state))
    require(
        same_results,
        f"{name} computes something else after its state_dict was saved and loaded: "
        "hold every drawn tensor as a parameter or buffer.",
    )


def _check_gates(cell: Cell) -> None:
    name = type(cell).__name__
    x, state = _random_arguments(cell)
    for factor in (1.0, 100.0):
        with torch.no_grad(), running(f"{name}.gate_values"):
            values = cell.gate_values(factor * x[0], tuple(factor * s for s in state))
        require(
            values.keys() == cell.gates.keys(),
            f"{name}.gate_values must return the gates declared in `gates` "
            f"({', '.join(cell.gates) or 'none'}), got {', '.join(values) or 'none'}.",
        )
        for gate, value in values.items():
            subject = f"{gate!r} of {name}.gate_values"
            require_tensor(value, subject, (BATCH, cell.hidden_size))
            low, high = float(value.min()), float(value.max())
            require(
                0 <= low <= high <= 1,
                f"{subject} must lie in [0, 1], got values from {low:.3g} to {high:.3g}.",
            )


def _check_recurrent_weights(cell: Cell) -> None:
    name, shape = type(cell).__name__, (cell.hidden_size, cell.hidden_size)
    with running(f"{name}.recurrent_weights"):
        blocks = dict(cell.recurrent_weights)
    for block, value in blocks.items():
        require_tensor(value, f"{name}.recurrent_weights[{block!r}]", shape)


def _random_arguments(cell: Cell, dtype: torch.dtype = torch.float32) -> tuple[Tensor, State]:
    generator = torch.Generator().manual_seed(11)
    shape = (BATCH, cell.hidden_size)
    x = torch.randn(STEPS, BATCH, cell.input_size, generator=generator, dtype=dtype)
    return x, tuple(torch.randn(shape, generator=generator, dtype=dtype) for _ in cell.states)


def _unroll(cell: Cell, x: Tensor, state: State) -> State:
    torch.manual_seed(2)
    for x_t in x:
        state = cell(x_t, state)
    return state


def _gradients(cell: Cell, x: Tensor, state: State, of: list[Tensor]) -> list[Tensor]:
    """Return the gradients of a random projection of the last states; zero where unused."""
    name = type(cell).__name__
    with running(f"Back-propagation through {name}"):
        last = _unroll(cell, x, state)
        total = torch.stack([(s * torch.randn_like(s)).sum() for s in last]).sum()
        found = torch.autograd.grad(total, of, allow_unused=True, materialize_grads=True)
    for gradient in found:
        require(
            bool(gradient.isfinite().all()),
            f"{name} must have finite gradients for inputs and states of size 1.",
        )
    return list(found)
