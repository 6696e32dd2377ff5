"""The reference backend: a loop over time differentiated by autograd; any cell, always right."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from bptt.contracts import Cell, PointwiseCell, State
from bptt.contracts.stand_in import stand_in
from bptt.kernels.windows import begins_at
from bptt.norms import frobenius_norm


@dataclass(frozen=True)
class StepByStep:
    """What a cell did over one sequence, with a node of the graph for each step."""

    inputs: Float[Tensor, "time batch features"]
    """(time, batch, features), as the cell read them."""
    initial: State
    steps: list[State]
    """State after each step; every tensor is a node of the graph, so gradients reach it."""

    norms: Float64[Tensor, "1 states time"]
    """norm(dL/ds_t) over the batch, (1, states, time) float64, after the backward pass."""

    @property
    def gradient_norms(self) -> Float64[Tensor, "states time"]:
        """The same without the first axis, (states, time)."""
        return self.norms[0]

    @cached_property
    def states(self) -> State:
        """Every state after each step, (time, batch, hidden) each."""
        return tuple(torch.stack(column) for column in zip(*self.steps, strict=True))

    @cached_property
    def outputs(self) -> Float[Tensor, "time batch hidden"]:
        """The first state after each step, (time, batch, hidden)."""
        return torch.stack([state[0] for state in self.steps])

    @property
    def final(self) -> State:
        """The state after the last valid step of each sequence."""
        return self.steps[-1] if self.steps else self.initial

    def forget_norms(self) -> None:
        """Set them to zero, before another loss is traced back through the same graph."""
        self.norms.zero_()

    def states_of(self, index: int) -> list[Float[Tensor, "batch hidden"]]:
        """Return state number `index` after each step, `time` tensors of (batch, hidden)."""
        return [state[index] for state in self.steps]


def unroll(
    cell: Cell,
    inputs: Float[Tensor, "time batch features"],
    initial: State,
    lengths: Int[Tensor, "batch"] | None = None,
    truncation: int | None = None,
    gradient_norms: bool = False,
) -> StepByStep:
    """Apply `cell` along the time axis.

    Args:
        cell: what to apply.
        inputs: (time, batch, features).
        initial: state before the first step.
        lengths: (batch,) valid steps of each sequence; after that its state is held, so that
            padding neither changes the final state nor overflows it.
        truncation: steps of a window that no gradient leaves; see `windows.begins_at`.
        gradient_norms: make the backward pass measure each state's gradient; otherwise zeros.
    """
    norms = torch.zeros(1, len(initial), len(inputs), dtype=torch.float64)
    step: Callable[[int, Tensor, State], State]
    if isinstance(cell, PointwiseCell):
        # one product over the whole sequence instead of one per step
        step, inputs_to_step = partial(_advanced, _prepared(cell)), cell.project_input(inputs)
    else:
        step, inputs_to_step = partial(_called, cell), inputs
    sequence = inputs_to_step.unbind(0)
    held_from = len(sequence) if lengths is None else int(lengths.min())
    state = _followed(initial) if gradient_norms else initial
    steps: list[State] = []
    for t, x_t in enumerate(sequence):
        state = _cut(state, begins_at(t, len(sequence), lengths, truncation))
        state = _followed(state) if gradient_norms else state
        new, valid = step(t, x_t, state), None
        new = _followed(new) if gradient_norms else new
        made = new
        if t >= held_from and lengths is not None:
            valid = (t < lengths).unsqueeze(1)
            new = tuple(torch.where(valid, n, s) for n, s in zip(new, state, strict=True))
        state = new
        steps.append(state)
        for number, kept in enumerate(state if gradient_norms else ()):
            _listen(norms[0, number], t, made[number], kept, valid)
    return StepByStep(inputs, initial, steps, norms)


def _advanced(cell: PointwiseCell, t: int, projected: Tensor, state: State) -> State:
    with cell.draws.during(t):
        return cell.advance(projected, state)


def _called(cell: Cell, t: int, x_t: Tensor, state: State) -> State:
    new: State = cell(x_t, state)
    return new


def _prepared(cell: PointwiseCell) -> PointwiseCell:
    """Return a cell that does not make its recurrent weights again at every step."""
    if type(cell).recurrent is PointwiseCell.recurrent:
        return cell
    used = cell.used_weights()
    return stand_in(cell, used_weights=lambda cell: used)


def _cut(state: State, begins: Tensor | bool) -> State:
    """Return a state without its graph for the sequences in which a window begins."""
    if isinstance(begins, bool):
        return tuple(s.detach() for s in state) if begins else state
    return tuple(torch.where(begins, s.detach(), s) for s in state) if begins.any() else state


def _followed(state: State) -> State:
    """Return a state that autograd tracks even if no parameter acts on it (a counter)."""
    if not torch.is_grad_enabled():
        return state
    return tuple(s if s.requires_grad else s.detach().requires_grad_() for s in state)


def _listen(norms: Tensor, t: int, made: Tensor, kept: Tensor, valid: Tensor | None) -> None:
    """Make the backward pass measure the gradient of one state after step t.

    Args:
        norms: (time,), where the norm goes.
        t: the step.
        made: the step's result for the state; other states of the same step may depend on it.
        kept: the state; equals `made` except for sequences that are over.
        valid: those that are not over, (batch, 1); None: all of them.
    """
    if valid is None:
        if made.requires_grad:
            made.register_hook(partial(_measure, norms, t))
        return
    over = ~valid
    held: list[Tensor] = []

    def measure_kept(gradient: Tensor) -> None:
        held[:] = [torch.where(over, gradient, 0.0)]
        _measure(norms, t, gradient)

    def measure_made(gradient: Tensor) -> None:
        _measure(norms, t, gradient + held.pop() if held else gradient)

    # `kept` comes first going back; for valid sequences all of its gradient goes on to `made`
    for tensor, hook in ((kept, measure_kept), (made, measure_made)):
        if tensor.requires_grad:
            tensor.register_hook(hook)


def _measure(norms: Tensor, t: int, gradient: Tensor) -> None:
    norms[t] = frobenius_norm(gradient)
