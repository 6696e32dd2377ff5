"""The compiled backend: one call of a C kernel for the whole sequence, and one for its gradient."""

import ctypes
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bptt.contracts import PointwiseCell, State
from bptt.gradient_statistics import frobenius_norm

TILE = 32
"""Sequences that the kernel computes together, RT in sequence.c."""


@dataclass(frozen=True)
class WholeSequence:
    """What a cell did over one sequence, as whole tensors."""

    inputs: Tensor
    initial: State
    states: State
    final: State
    norms: Tensor | None = None
    """(tiles, states, time), filled by the backward pass."""

    @property
    def outputs(self) -> Tensor:
        """The first state after each step, (time, batch, hidden)."""
        return self.states[0]

    @property
    def gradient_norms(self) -> Tensor:
        """Return norm(dL/ds_t) over the batch, (states, time) float64, after the backward pass.

        NaN before it, or if it was not asked for.
        """
        if self.norms is None:
            shape = (len(self.states), len(self.outputs))
            return torch.full(shape, torch.nan, dtype=torch.float64)
        return frobenius_norm(self.norms.permute(1, 2, 0), kept_axes=2)


class Kernel:
    """A loaded library and what calling it takes.

    Args:
        library: built from the source of a cell's kernel.
        states: how many the cell has.
        vectors: how many the cell has.
    """

    def __init__(self, library: ctypes.CDLL, states: int, vectors: int) -> None:
        self.saved: int = library.saved()
        self.states = states
        self.vectors = vectors
        self.width: int = library.width()
        self._forward = library.forward
        self._backward = library.backward
        self._call = ctypes.c_int64 * (22 + 2 * (vectors + 1) + 7 * states)

    def run_forward(self, *call: int) -> None:
        """Call the forward pass with `struct call` of sequence.c, its last fields left out."""
        if self._forward(self._call(*call)):
            raise MemoryError("the kernel's buffers")

    def run_backward(self, *call: int) -> None:
        """Call the backward pass with `struct call` of sequence.c."""
        if self._backward(self._call(*call)):
            raise MemoryError("the kernel's buffers")


def unroll(
    kernel: Kernel,
    cell: PointwiseCell,
    inputs: Tensor,
    initial: State,
    lengths: Tensor | None = None,
    truncation: int | None = None,
    gradient_norms: bool = False,
) -> WholeSequence:
    """Apply `cell` along the time axis, as `reference.unroll` does.

    Args:
        kernel: of this cell and type of numbers.
        cell: what to apply.
        inputs: (time, batch, features).
        initial: state before the first step.
        lengths: (batch,) valid steps of each sequence.
        truncation: the gradient does not pass from step t to t - 1 where t is a multiple of it.
        gradient_norms: have the backward pass measure the gradient to every state.
    """
    norms = None
    if gradient_norms:
        tiles = -(-inputs.shape[1] // TILE)
        shape = (tiles, kernel.states, inputs.shape[0])
        norms = torch.full(shape, torch.nan, dtype=torch.float64)
    found: tuple[Tensor, ...] = Sequence.apply(  # type: ignore[no-untyped-call]
        kernel,
        cell.biases,
        lengths,
        truncation or 0,
        norms,
        inputs,
        cell.input_weight,
        cell.recurrent_weight,
        cell.input_bias,
        cell.recurrent_bias,
        *cell.vector.values(),
        *initial,
    )
    states = kernel.states
    return WholeSequence(inputs, initial, found[:states], found[states:], norms)


class Sequence(torch.autograd.Function):
    """The two passes of a kernel as one node of autograd's graph."""

    @staticmethod
    def forward(
        ctx: Any,
        kernel: Kernel,
        biases: int,
        lengths: Tensor | None,
        truncation: int,
        norms: Tensor | None,
        inputs: Tensor,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        """Return every state after each step, and every final state."""
        x = inputs if inputs.stride(-1) == 1 else inputs.contiguous()
        tensors = tuple(tensor.contiguous() for tensor in tensors)
        time, batch, features = x.shape
        hidden = tensors[1].shape[0]
        padded = -(-hidden // kernel.width) * kernel.width
        count = kernel.states
        states = x.new_empty(count, time + 1, batch, padded)
        saved = None
        if any(ctx.needs_input_grad):
            saved = x.new_empty(time * batch * kernel.saved * padded)
        if lengths is not None:
            lengths = lengths.contiguous()
        call = [time, batch, features, hidden, biases, truncation]
        call += [0 if lengths is None else lengths.data_ptr(), x.data_ptr(), *x.stride()[:2]]
        call += [tensor.data_ptr() for tensor in tensors[:4]]
        call += [states.data_ptr(), 0 if saved is None else saved.data_ptr()]
        pointers = [tensor.data_ptr() for tensor in tensors[4:]]
        vectors, initial = pointers[: kernel.vectors], pointers[kernel.vectors :]
        kernel.run_forward(*call, *[0] * 6, *vectors, 0, *initial)
        if saved is not None:
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(x, *tensors, states, saved, lengths)
            ctx.kernel, ctx.call, ctx.norms = kernel, call, norms
            ctx.pointers = [*vectors, 0, *initial]
        valid = states[..., :hidden] if padded != hidden else states
        return tuple(s[1:] for s in valid) + tuple(s[time] for s in valid)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradient to each argument of `forward`."""
        kernel: Kernel = ctx.kernel
        count = kernel.states
        x, *tensors = ctx.saved_tensors[: -3]
        found = [torch.empty_like(tensor) for tensor in tensors]
        d_x = None
        if ctx.needs_input_grad[5]:
            d_x = torch.empty(x.shape, dtype=x.dtype)
        call = [*ctx.call, 0 if d_x is None else d_x.data_ptr()]
        call += [tensor.data_ptr() for tensor in found[:4]]
        call.append(0 if ctx.norms is None else ctx.norms.data_ptr())
        pointers = [tensor.data_ptr() for tensor in found[4:]]
        call += [*ctx.pointers, *pointers[: kernel.vectors], 0, *pointers[kernel.vectors :]]
        # kept until the call is over
        given = [
            g if g is None or g.stride(-1) == 1 else g.contiguous() for g in gradients
        ]
        of_states, of_final = given[:count], given[count:]
        call += [0 if g is None else g.data_ptr() for g in of_states]
        call += [0 if g is None else g.stride(0) for g in of_states]
        call += [0 if g is None else g.stride(1) for g in of_states]
        call += [0 if g is None else g.data_ptr() for g in of_final]
        call += [0 if g is None else g.stride(0) for g in of_final]
        kernel.run_backward(*call)
        return (None, None, None, None, None, d_x, *found)
