"""The Jacobian of one step of a cell, for all steps of a sequence at once."""

from collections.abc import Mapping

import torch
from torch import Tensor

from bptt.contracts import Cell, PointwiseCell, State


def step_jacobians(cell: Cell, x: Tensor, states: State) -> Tensor:
    """Return J_t = ds_t / ds_{t-1} for every step of a sequence, in float64.

    Rows belong to the new state, columns to the old one: J_t[i, j] = ds_t[i] / ds_{t-1}[j], so a
    change of the state moves on as J_t v and a gradient goes back as J_t^T d. Several states stand
    one after the other in the order of `cell.states`. They are independent coordinates here: what
    an LSTM's memory does through the output of its own step is no part of dc_t / dc_{t-1}.

    Args:
        cell: any cell; a `PointwiseCell` takes one backward pass per state, others one per row.
        x: (time, input) inputs of one sequence; more axes may follow time.
        states: per state (time, hidden), what each step starts from: the initial state first,
            the state after the last step not among them.

    Returns:
        (time, states * hidden, states * hidden).
    """
    axes = x.shape[:-1]
    x = x.detach().flatten(end_dim=-2)
    states = tuple(s.detach().flatten(end_dim=-2).requires_grad_() for s in states)
    with torch.enable_grad():
        if isinstance(cell, PointwiseCell):
            jacobians = _from_partials(cell, x, states)
        else:
            jacobians = _row_by_row(cell, x, states)
    return jacobians.double().reshape(*axes, *jacobians.shape[1:])


def _row_by_row(cell: Cell, x: Tensor, states: State) -> Tensor:
    # steps of one sequence pass as one batch: sequences of a batch do not see each other, so the
    # gradient of a unit summed over them holds every step's own row. Unlike vmap(jacrev), which
    # takes as long, this runs any cell that autograd runs.
    new = torch.cat(cell(x, states), dim=-1)
    rows = [torch.cat(_gradients(unit.sum(), states), dim=-1) for unit in new.unbind(-1)]
    return torch.stack(rows, dim=-2)


def _from_partials(cell: PointwiseCell, x: Tensor, states: State) -> Tensor:
    # the step is pointwise, so one product with ones gives the whole diagonal of ds'/da or ds'/ds;
    # a preactivation a = h U + ... fed by the state adds diag(ds'/da) U^T to ds'/dh
    with torch.no_grad():
        preactivations = cell.preactivate(cell.project_input(x), states[0])
    leaves = {name: a.detach().requires_grad_() for name, a in preactivations.items()}
    # laid out as the Jacobians are: half the time
    blocks = {name: block.detach().mT.contiguous() for name, block in cell.recurrent_weights.items()}
    rows = [
        torch.cat(_block_row(state, leaves, states, blocks), dim=-1)
        for state in cell.apply_step(leaves, states)
    ]
    return torch.cat(rows, dim=-2)


def _block_row(
    new: Tensor, leaves: Mapping[str, Tensor], states: State, blocks: Mapping[str, Tensor]
) -> list[Tensor]:
    partials = _gradients(new.sum(), (*states, *leaves.values()))
    direct, through = partials[: len(states)], partials[len(states) :]
    row = [torch.diag_embed(partial) for partial in direct]
    for name, partial in zip(leaves, through, strict=True):
        if name in blocks:
            row[0] = row[0].addcmul(partial.unsqueeze(-1), blocks[name])
    return row


def _gradients(output: Tensor, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if not output.requires_grad:
        return tuple(torch.zeros_like(i) for i in inputs)
    return torch.autograd.grad(
        output, inputs, retain_graph=True, allow_unused=True, materialize_grads=True
    )
