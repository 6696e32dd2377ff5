"""The compiled backend: one call of a C kernel for the whole sequence, and one for its gradient."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Float64, Int, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable

from bptt.contracts import PointwiseCell, State
from bptt.contracts.draws import Where
from bptt.kernels.compiled.kernel import Kernel, used_weights
from bptt.norms import frobenius_norm

TILE = 32
"""Sequences that the kernel computes together, RT in cell.c."""


@dataclass(slots=True)
class WholeSequence:
    """What a cell did over one sequence, as whole tensors."""

    inputs: Float[Tensor, "time batch features"]
    initial: State
    states: State
    final: State
    norms: Float64[Tensor, "tiles states time"]
    """(tiles, states, time), filled by the backward pass; no tiles if not asked for."""

    @property
    def outputs(self) -> Float[Tensor, "time batch hidden"]:
        """The first state after each step, (time, batch, hidden)."""
        return self.states[0]

    @property
    def gradient_norms(self) -> Float64[Tensor, "states time"]:
        """Return norm(dL/ds_t) over the batch, (states, time) float64, after the backward pass."""
        if len(self.norms) == 1:
            return self.norms[0]
        return frobenius_norm(self.norms.permute(1, 2, 0), kept_axes=2)

    def forget_norms(self) -> None:
        """Set them to zero, before another loss is traced back through the same graph."""
        self.norms.zero_()


def unroll(
    kernel: Kernel,
    cell: PointwiseCell,
    inputs: Float[Tensor, "time batch features"],
    initial: State,
    lengths: Int[Tensor, "..."] | None = None,
    truncation: int | None = None,
    gradient_norms: bool = False,
) -> WholeSequence:
    """Apply `cell` along the time axis, as `autograd.unroll` does.

    Args:
        kernel: of this cell and type of numbers.
        cell: what to apply.
        inputs: (time, batch, features).
        initial: state before the first step.
        lengths: (batch,) valid steps of each sequence.
        truncation: steps of a window that no gradient leaves; see `windows.begins_at`.
        gradient_norms: have the backward pass measure the gradient to every state.

    Raises:
        ValueError: shapes or types do not fit together; a kernel would read what is not there.
    """
    initial = tuple(s.expand(inputs.shape[1], cell.hidden_size) for s in initial)
    norms = room_for_norms(kernel, len(inputs), inputs.shape[1] if gradient_norms else 0)
    tensors = (*used_weights(cell), *initial)
    limits = (cell.biases, truncation or 0)
    where = cell.draws.where if kernel.draws else None
    if torch.is_grad_enabled():
        apply: Any = KernelNode.apply
        found = apply(kernel, limits, where, lengths, norms, inputs, *tensors)
    else:
        found, _ = run_forward(kernel, limits, where, lengths, inputs, tensors, saves=False)
    states = kernel.states
    return WholeSequence(inputs, initial, found[:states], found[states:], norms)


def room_for_norms(kernel: Kernel, time: int, batch: int) -> Float64[Tensor, "tiles states {time}"]:
    """Return (tiles, states, time) zeros, where a backward pass puts the norms."""
    return torch.zeros(-(-batch // TILE), kernel.states, time, dtype=torch.float64)


def check(size: torch.Size, dtype: torch.dtype, tensors: Sequence[Float[Tensor, "..."]]) -> None:
    """Check inputs against weights and states.

    Raises:
        ValueError: shapes or types do not fit together; a kernel would read what is not there.
    """
    if len(size) != 3 or size[2] != tensors[0].shape[0]:
        raise ValueError(f"inputs must be (time, batch, {tensors[0].shape[0]}), got {tuple(size)}")
    if 0 in size[:2]:
        raise ValueError(f"inputs must have at least one step and sequence, got {tuple(size)}")
    for tensor in tensors:
        if tensor.dtype != dtype:
            raise ValueError(f"inputs are {dtype}, a weight or state is {tensor.dtype}")


def checked_lengths(
    lengths: Int[Tensor, "..."] | None, batch: int
) -> Int64[Tensor, "{batch}"] | None:
    """Return the lengths as a kernel reads them.

    Raises:
        ValueError: there are more or fewer than sequences.
    """
    if lengths is None:
        return None
    if lengths.shape != (batch,):
        raise ValueError(f"lengths must be ({batch},), got {tuple(lengths.shape)}")
    return lengths.to(torch.int64).contiguous()


@dataclass(frozen=True)
class Kept:
    """What the backward pass needs from the forward pass."""

    tensors: tuple[Tensor | None, ...]
    call: ctypes.Structure


def run_forward(
    kernel: Kernel,
    limits: tuple[int, int],
    where: Where | None,
    lengths: Int[Tensor, "..."] | None,
    inputs: Float[Tensor, "time batch features"],
    tensors: tuple[Float[Tensor, "..."], ...],
    saves: bool,
) -> tuple[tuple[Float[Tensor, "... batch hidden"], ...], Kept]:
    """Run forward and return every state after each step, then every final state.

    Args:
        kernel: of the cell.
        limits: how many biases the cell has, and the truncation, 0 for none.
        where: it draws random numbers, if it does.
        lengths: (batch,) valid steps of each sequence.
        inputs: (time, batch, features).
        tensors: what `weights` returns, then the initial states, (batch, hidden).
        saves: keep what `run_backward` needs.

    Raises:
        ValueError: shapes or types do not fit together; a kernel would read what is not there.
    """
    check(inputs.shape, inputs.dtype, tensors)
    lengths = checked_lengths(lengths, inputs.shape[1])
    x = inputs if inputs.stride(-1) == 1 else inputs.contiguous()
    tensors = tuple(tensor.contiguous() for tensor in tensors)
    time, batch, features = x.shape
    hidden = tensors[1].shape[0]
    padded = -(-hidden // kernel.width) * kernel.width
    states = torch.empty(kernel.states, time + 1, batch, padded, dtype=x.dtype)
    saved = None
    if saves:
        saved = kernel.room_to_keep((time, batch, padded), x.dtype)
    call = kernel.call(time, batch, features, hidden, *limits)
    call.lengths = 0 if lengths is None else lengths.data_ptr()
    call.x, (call.x_step, call.x_row) = x.data_ptr(), x.stride()[:2]
    call.states, call.saved = states.data_ptr(), 0 if saved is None else saved.data_ptr()
    kernel.place(call, tensors[: -kernel.states])
    call.initial[:] = [tensor.data_ptr() for tensor in tensors[-kernel.states :]]
    drawn = kernel.place_draws(call, where)
    kernel.run_forward(call)
    del drawn
    valid = states if padded == hidden else states[..., :hidden]
    found = tuple(s[1:] for s in valid) + tuple(s[time] for s in valid)
    return found, Kept((x, *tensors, states, saved, lengths), call)


def run_backward(
    kernel: Kernel,
    kept: Kept,
    norms: Float[Tensor, "..."],
    gradients: Sequence[Float[Tensor, "... batch hidden"] | None],
    found: Sequence[Float[Tensor, "..."]],
    to_inputs: Float[Tensor, "time batch features"] | None,
) -> None:
    """Fill in the gradients of a forward pass.

    Args:
        kernel: of the cell.
        kept: what the forward pass stored.
        norms: (tiles, states, time) float64 to be filled, or no tiles.
        gradients: to what `run_forward` returned; None: zeros.
        found: for each of `tensors`, where its gradient goes; contiguous.
        to_inputs: (time, batch, features), where the gradient to the inputs goes, if wanted.
    """
    count, call = kernel.states, kept.call
    call.d_x = 0 if to_inputs is None else to_inputs.data_ptr()
    kernel.place(call, found[:-count], "d_")
    call.d_initial[:] = [tensor.data_ptr() for tensor in found[-count:]]
    call.norms = norms.data_ptr() if len(norms) else 0
    # kept until the call is over
    given = [g if g is None or g.stride(-1) == 1 else g.contiguous() for g in gradients]
    of_states, of_final = given[:count], given[count:]
    call.d_states[:] = [0 if g is None else g.data_ptr() for g in of_states]
    call.d_states_step[:] = [0 if g is None else g.stride(0) for g in of_states]
    call.d_states_row[:] = [0 if g is None else g.stride(1) for g in of_states]
    call.d_final[:] = [0 if g is None else g.data_ptr() for g in of_final]
    call.d_final_row[:] = [0 if g is None else g.stride(0) for g in of_final]
    kernel.run_backward(call)


class KernelNode(torch.autograd.Function):
    """The two passes of a kernel as one node of autograd's graph."""

    @staticmethod
    def forward(
        ctx: Any,
        kernel: Kernel,
        limits: tuple[int, int],
        where: Where | None,
        lengths: Tensor | None,
        norms: Tensor,
        inputs: Tensor,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        """Return every state after each step, then every final state."""
        found, kept = run_forward(kernel, limits, where, lengths, inputs, tensors, saves=True)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*kept.tensors)
        ctx.kernel, ctx.norms, ctx.call = kernel, norms, kept.call
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradient to each argument of `forward`."""
        saved = ctx.saved_tensors
        x, *tensors = saved[:-3]
        found = [torch.empty_like(tensor) for tensor in tensors]
        d_x = torch.empty(x.shape, dtype=x.dtype) if ctx.needs_input_grad[5] else None
        kept = Kept(saved, ctx.call)
        run_backward(ctx.kernel, kept, ctx.norms, gradients, found, d_x)
        return (None, None, None, None, None, d_x, *found)
