"""What a cell must do when it is unrolled over a short random sequence."""

import io
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from bptt.conformance.effect import check_decisions, without_effects
from bptt.conformance.requirement import got, require, require_tensor, running, same
from bptt.contracts import Cell, PointwiseCell, State

BATCH, STEPS = 4, 6


def check_states(cell: Cell, dtype: torch.dtype) -> None:
    """Check that every state has its shape and type from the first step on."""
    name = type(cell).__name__
    with running(f"{name}.initial_state"):
        state = cell.initial_state(BATCH)
    _require_state(cell, f"{name}.initial_state", state, dtype)
    x = torch.randn(STEPS, BATCH, cell.input_size, dtype=dtype)
    with running(f"{name}.forward in {dtype}"), torch.no_grad():
        for x_t in x:
            state = cell(x_t, state)
            _require_state(cell, f"{name}.forward", state, dtype)
    require(
        all(bool(value.isfinite().all()) for value in state),
        f"{name}.forward must stay finite for inputs of size 1.",
    )


def _require_state(cell: Cell, subject: str, state: State, dtype: torch.dtype) -> None:
    require(
        isinstance(state, tuple) and len(state) == len(cell.states),
        f"{subject} must return a tuple with one tensor for each of {cell.states}, "
        f"got {got(state)}.",
    )
    for name, value in zip(cell.states, state, strict=True):
        shape = (BATCH, cell.hidden_size)
        require_tensor(value, f"{name!r} of {subject}", shape, dtype)


def check_effects(cell: Cell) -> None:
    """Check that a cell draws, changes and stores nothing while it computes, in any mode."""
    for training in (True, False):
        cell.train(training)
        for graph in (False, True):
            x, state = _random_arguments(cell)
            if graph:
                # not leaves, because autograd itself forbids writing into those
                x = x.requires_grad_() * 1.0
                state = tuple(s.requires_grad_() * 1.0 for s in state)
            with torch.set_grad_enabled(graph):
                _check_effects(cell, x[0], state)
    cell.train()


def _check_effects(cell: Cell, x_t: Tensor, state: State) -> None:
    name = type(cell).__name__
    calls: dict[str, Callable[[], Any]] = {
        "initial_state": lambda: cell.initial_state(BATCH),
        "forward": lambda: cell(x_t, state),
        "gate_values": lambda: cell.gate_values(x_t, state),
        "recurrent_weights": lambda: dict(cell.recurrent_weights),
    }
    arguments = {"x_t": x_t, **{repr(n): s for n, s in zip(cell.states, state, strict=True)}}
    for method, call in calls.items():
        without_effects(f"{name}.{method}", call, arguments, cell)
    check_decisions(f"{name}.forward", calls["forward"], arguments)


def check_purity(cell: Cell) -> None:
    """Check that two equal calls give the same result."""
    name = type(cell).__name__
    x, state = _random_arguments(cell)
    results = []
    for _ in range(2):
        torch.manual_seed(2)
        with torch.no_grad(), running(f"{name}.forward"):
            results.append(cell(x[0], state))
    require(
        same(*results),
        f"{name}.forward must depend on its arguments and parameters alone: "
        "two equal calls under one seed differ.",
    )


def check_rows(cell: Cell) -> None:
    """Check that no sequence of a batch sees another."""
    name = type(cell).__name__
    x, state = _random_arguments(cell, torch.float64)
    with torch.no_grad(), running(f"{name}.forward with a batch of 1"):
        together = _unroll(cell, x, state)
        # what it draws hangs on which sequence it is
        second = cell.draws.at(torch.tensor([1])) if isinstance(cell, PointwiseCell) else None
        with second or nullcontext():
            alone = _unroll(cell, x[:, 1:2], tuple(s[1:2] for s in state))
    require(
        same([s[1:2] for s in together], alone, 1e-9),
        f"{name}.forward must treat every sequence alone: its result changes with the rest "
        "of the batch.",
    )


def check_gradients(cell: Cell) -> None:
    """Check that gradients reach the first input, the first state and every parameter."""
    name = type(cell).__name__
    x, state = _random_arguments(cell, torch.float64)
    x = x.requires_grad_()
    state = tuple(s.requires_grad_() for s in state)
    to_input, *to_state = _gradients(cell, x, state, [x, *state])
    require(
        any(bool((gradient != 0).any()) for gradient in to_state),
        f"{name} must carry gradients back to t = 0: the one of the first state is zero after "
        f"{STEPS} steps. Is a state detached or not used?",
    )
    require(
        bool((to_input[0] != 0).any()),
        f"{name} must carry gradients back to t = 0: the one of x_0 is zero after {STEPS} steps. "
        "Is the input not used?",
    )
    named = {n: p for n, p in cell.named_parameters() if p.numel() > 0 and p.requires_grad}
    initial = cell.initial_state(BATCH)
    to_parameters = _gradients(cell, x, initial, list(named.values()))
    for (parameter, _), gradient in zip(named.items(), to_parameters, strict=True):
        require(
            bool((gradient != 0).any()), f"{name}.{parameter} gets no gradient: it is not used."
        )


def check_loading(saved: Cell, loaded: Cell) -> None:
    """Check that a second cell can continue from what the first one saved."""
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


def check_gates(cell: Cell) -> None:
    """Check that exactly the declared gates are reported, between 0 and 1."""
    name = type(cell).__name__
    x, state = _random_arguments(cell)
    for factor in (1.0, 100.0):
        with torch.no_grad(), running(f"{name}.gate_values"):
            values = cell.gate_values(factor * x[0], tuple(factor * s for s in state))
        require(
            isinstance(values, Mapping),
            f"{name}.gate_values must return a mapping from names to tensors, got {got(values)}.",
        )
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


def check_recurrent_weights(cell: Cell) -> None:
    """Check that the recurrent blocks are square."""
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
