"""The Jacobian of one step of a cell, for all steps of a sequence at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

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
        cell: any cell; a `PointwiseCell` takes one backward pass for each state, product and mean,
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
    # laid out like the Jacobians: half the time
    blocks = {name: u.detach().mT.contiguous() for name, u in cell.recurrent_weights.items()}
    mixed = _Mixed(states[0], blocks)
    new = mixed.listening(cell).apply_step(leaves, states)
    fed = {name: blocks[name] for name in cell.state_fed}
    if mixed.results:
        return _through_mixed(mixed, leaves, states, new, fed)
    partials = [_gradients(state.sum(), (*states, *leaves.values())) for state in new]
    size = len(states) * cell.hidden_size
    jacobians = torch.zeros(len(x), size, size, dtype=x.dtype)
    # a few steps at a time, so that the target is still in the processor's cache
    for start in range(0, len(x), together := max(1, CACHED_ELEMENTS // size**2)):
        steps = slice(start, start + together)
        _fill(jacobians[steps], [[p[steps] for p in row] for row in partials], leaves, fed)
    return jacobians


class _Mixed:
    """What mixes units in a step: its products, means and sums, each cut off from its operand.

    Args:
        like: a state.
        blocks: of products, transposed, by name.
    """

    def __init__(self, like: Tensor, blocks: Mapping[str, Tensor]) -> None:
        self._like = like
        self._blocks = blocks
        self.operands: list[Tensor] = []
        self.results: list[Tensor] = []
        self.ways: list[Callable[[Tensor], Tensor]] = []
        """The Jacobian of each operand, (time, hidden, size) -> that of the result."""

    def listening(self, cell: PointwiseCell) -> PointwiseCell:
        """Return a cell that tells of what it mixes."""

        def product(cell: PointwiseCell, name: str, value: Tensor) -> Tensor:
            block = self._blocks[name]
            return self._cut(value, PointwiseCell.product(cell, name, value), block.__matmul__)

        def mean(cell: PointwiseCell, value: Tensor) -> Tensor:
            way = partial(torch.mean, dim=1, keepdim=True)
            return self._cut(value, PointwiseCell.mean(cell, value), way)

        def total(cell: PointwiseCell, value: Tensor) -> Tensor:
            way = partial(torch.sum, dim=1, keepdim=True)
            return self._cut(value, PointwiseCell.sum(cell, value), way)

        return stand_in(cell, product=product, mean=mean, sum=total)

    def _cut(self, value: Tensor, result: Tensor, way: Callable[[Tensor], Tensor]) -> Tensor:
        self.operands.append(value.expand_as(self._like))
        self.results.append(result.detach().expand_as(self._like).clone().requires_grad_())
        self.ways.append(way)
        return self.results[-1]


def _through_mixed(
    mixed: _Mixed,
    leaves: Mapping[str, Tensor],
    states: State,
    new: State,
    fed: Mapping[str, Tensor],
) -> Tensor:
    # between what mixes units the step is pointwise, so each operand and each new state have
    # diagonal derivatives by states, preactivations and results; the result of a product p = o U
    # adds diag(ds'/dp) U^T do/ds, a mean m = 1^T o / n adds diag(ds'/dm) 1 1^T / n do/ds
    count, (time, hidden) = len(states), states[0].shape
    of_results: list[Tensor] = []
    made = []
    for output in (*mixed.operands, *new):
        partials = _gradients(output.sum(), (*states, *leaves.values(), *mixed.results))
        jacobian = torch.zeros(time, hidden, count * hidden, dtype=output.dtype)
        _fill(jacobian, [partials[: count + len(leaves)]], leaves, fed)
        through = partials[count + len(leaves) :]
        for derivative, of_result in zip(through, of_results, strict=False):
            jacobian.addcmul_(derivative.unsqueeze(-1), of_result)
        if len(of_results) < len(mixed.operands):
            of_results.append(mixed.ways[len(of_results)](jacobian))
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
