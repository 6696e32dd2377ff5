"""The Jacobian of one step of a cell, for all steps of a sequence at once."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from bptt.contracts import Cell, PointwiseCell, State
from bptt.contracts.stand_in import stand_in

CACHED_ELEMENTS = 2**16
"""Elements of Jacobians that are processed together."""


def step_jacobians(
    cell: Cell, x: Float[Tensor, "time *more input"], states: State
) -> Float64[Tensor, "time *more size size"]:
    """Return J_t = ds_t / ds_{t-1} for every step of a sequence, in float64.

    Rows belong to the new state, columns to the old one: J_t[i, j] = ds_t[i] / ds_{t-1}[j], so a
    change of the state moves on as J_t v and a gradient goes back as J_t^T d. Several states are
    concatenated in the order of `cell.states`. They are independent coordinates here: what
    an LSTM's memory does through the output of its own step is not part of dc_t / dc_{t-1}.

    Args:
        cell: any cell; a `PointwiseCell` takes one backward pass for each state and each product,
            others one per row.
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
            way = _through_products if cell.products else _from_partials
            jacobians = way(cell, x, states)
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
    # laid out like the Jacobians: half the time
    blocks = {
        name: block.detach().mT.contiguous() for name, block in cell.recurrent_weights.items()
    }
    new = cell.apply_step(leaves, states)
    partials = [_gradients(state.sum(), (*states, *leaves.values())) for state in new]
    size = len(states) * cell.hidden_size
    jacobians = torch.zeros(len(x), size, size, dtype=x.dtype)
    # a few steps at a time, so that the target is still in the processor's cache
    for start in range(0, len(x), together := max(1, CACHED_ELEMENTS // size**2)):
        steps = slice(start, start + together)
        _fill(jacobians[steps], [[p[steps] for p in row] for row in partials], leaves, blocks)
    return jacobians


def _through_products(cell: PointwiseCell, x: Tensor, states: State) -> Tensor:
    # between its products the step is pointwise, so what each product multiplies and each new state
    # have diagonal derivatives by states, preactivations and results of products; a result p = o U
    # adds diag(ds'/dp) U^T do/ds
    with torch.no_grad():
        preactivations = cell.preactivate(cell.project_input(x), states[0])
    leaves = {name: a.detach().requires_grad_() for name, a in preactivations.items()}
    operands: list[Tensor] = []
    results: list[Tensor] = []
    used: list[str] = []

    def product(cell: PointwiseCell, name: str, value: Tensor) -> Tensor:
        result = PointwiseCell.product(cell, name, value).detach().expand_as(states[0])
        operands.append(value.expand_as(states[0]))
        results.append(result.clone().requires_grad_())
        used.append(name)
        return results[-1]

    new = stand_in(cell, product=product).apply_step(leaves, states)
    blocks = {name: u.detach().mT.contiguous() for name, u in cell.recurrent_weights.items()}
    fed = {name: blocks[name] for name in cell.state_fed}
    count, size = len(states), len(states) * cell.hidden_size
    of_results: list[Tensor] = []
    made = []
    for output in (*operands, *new):
        partials = _gradients(output.sum(), (*states, *leaves.values(), *results))
        jacobian = torch.zeros(len(x), cell.hidden_size, size, dtype=x.dtype)
        _fill(jacobian, [partials[: count + len(leaves)]], leaves, fed)
        through = partials[count + len(leaves) :]
        for partial, of_result in zip(through, of_results, strict=False):
            jacobian.addcmul_(partial.unsqueeze(-1), of_result)
        if len(of_results) < len(operands):
            of_results.append(blocks[used[len(of_results)]] @ jacobian)
        else:
            made.append(jacobian)
    return torch.cat(made, dim=1)


def _fill(
    jacobians: Tensor,
    partials: Sequence[Sequence[Tensor]],
    leaves: Iterable[str],
    blocks: Mapping[str, Tensor],
) -> None:
    """Add to (steps, rows * hidden, size) zeros how rows depend on states and preactivations."""
    # (steps, rows, hidden, states, hidden)
    parts = jacobians.unflatten(1, (len(partials), -1))
    parts = parts.unflatten(3, (-1, parts.shape[2]))
    states = parts.shape[3]
    for i, row in enumerate(partials):
        for j, direct in enumerate(row[:states]):
            parts[:, i, :, j].diagonal(dim1=1, dim2=2).copy_(direct)
        for name, through in zip(leaves, row[states:], strict=True):
            if name in blocks:
                parts[:, i, :, 0].addcmul_(through.unsqueeze(-1), blocks[name])


def _gradients(output: Tensor, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if not output.requires_grad:
        return tuple(torch.zeros_like(i) for i in inputs)
    return torch.autograd.grad(
        output, inputs, retain_graph=True, allow_unused=True, materialize_grads=True
    )
