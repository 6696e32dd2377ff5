"""The compiled backend for an update: one shape again and again, without autograd's graph."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bptt.contracts import State
from bptt.contracts.draws import Where
from bptt.kernels.compiled.call import (
    WholeSequence,
    check,
    checked_lengths,
    room_for_norms,
)
from bptt.kernels.compiled.kernel import Kernel

REMEMBERED = 32
"""How many updates' norms are kept."""


class Shape(NamedTuple):
    """What must be equal for the same buffers to be usable."""

    kernel: Kernel
    size: torch.Size
    strides: tuple[int, ...]
    dtype: torch.dtype
    truncation: int | None


class Repeated:
    """Both passes of a cell over sequences of one shape.

    Each pass writes where the last one wrote, and arguments of a call are laid out once: for a
    small network that takes as long as the kernel. Only norms stay for the next `REMEMBERED`
    updates.

    Args:
        shape: of the sequences.
        biases: how many the cell has.
        own: its weights, which stay where they are, in the order of `weights`.
        gradients: where the gradient of each goes.
        gradient_norms: have the backward pass measure the gradient to every state.

    Raises:
        ValueError: shapes or types do not fit together; a kernel would read what is not there.
    """

    def __init__(
        self,
        shape: Shape,
        biases: int,
        own: Sequence[Tensor],
        gradients: Sequence[Tensor],
        gradient_norms: bool,
    ) -> None:
        self._kernel = kernel = shape.kernel
        time, batch, features = shape.size
        hidden = own[1].shape[0]
        check(shape.size, shape.dtype, own)
        if not all(tensor.is_contiguous() for tensor in (*own, *gradients)):
            raise ValueError("parameters and their gradients must be contiguous")
        padded = -(-hidden // kernel.width) * kernel.width
        states = torch.empty(kernel.states, time + 1, batch, padded, dtype=shape.dtype)
        saved = kernel.room_to_keep((time, batch, padded), shape.dtype)
        valid = states[..., :hidden]
        self._states = tuple(s[1:] for s in valid)
        self._final = tuple(s[time] for s in valid)
        self._of_state = ((batch, hidden), shape.dtype)
        to_initial = [torch.empty(batch, hidden, dtype=shape.dtype) for _ in self._states]
        self._norms = [room_for_norms(kernel, time, 0)]
        if gradient_norms:
            self._norms = [room_for_norms(kernel, time, batch) for _ in range(REMEMBERED)]
        self._norms_at = [norms.data_ptr() if gradient_norms else 0 for norms in self._norms]
        self._turn = 0
        self._to_inputs = torch.empty(0)
        self._size = shape.size
        # these have to live as long as their addresses
        self._buffers = (tuple(own), tuple(gradients), states, saved, to_initial)
        call = kernel.call(time, batch, features, hidden, biases, shape.truncation or 0)
        call.x_step, call.x_row = shape.strides[:2]
        call.states, call.saved = states.data_ptr(), saved.data_ptr()
        kernel.place(call, own)
        kernel.place(call, gradients, "d_")
        call.d_initial[:] = [d.data_ptr() for d in to_initial]
        self._call = call
        # the same memory, found once
        self._initial = call.initial
        self._d_states, self._d_final = call.d_states, call.d_final
        self._given: tuple[Tensor | None, ...] = ()
        self._starts: State = ()

    def forward(
        self,
        x: Float[Tensor, "time batch features"],
        initial: State,
        lengths: Int[Tensor, "..."] | None,
        where: Where | None = None,
    ) -> WholeSequence:
        """Return what the cell does; valid until it is called again.

        Args:
            x: (time, batch, features), of the shape this was made for.
            initial: state before the first step, (batch, hidden) each.
            lengths: (batch,) valid steps of each sequence.
            where: the cell draws random numbers, if it does.

        Raises:
            ValueError: the state or the lengths have another shape or type.
        """
        call = self._call
        if initial is not self._starts:
            self._begin_with(initial)
        if lengths is not None:
            lengths = checked_lengths(lengths, x.shape[1])
            assert lengths is not None
        call.lengths = 0 if lengths is None else lengths.data_ptr()
        call.x = x.data_ptr()
        self._turn = turn = (self._turn + 1) % len(self._norms)
        call.norms = self._norms_at[turn]
        self._given = (x, lengths, *self._kernel.place_draws(call, where))
        self._kernel.run_forward(call)
        return WholeSequence(x, initial, self._states, self._final, self._norms[turn])

    def _begin_with(self, initial: State) -> None:
        for number, state in enumerate(initial):
            if (state.shape, state.dtype) != self._of_state or not state.is_contiguous():
                raise ValueError(f"states must be {self._of_state}, got {tuple(state.shape)}")
            self._initial[number] = state.data_ptr()
        # kept: these very states begin most updates
        self._starts = initial

    def backward(
        self,
        to_outputs: Float[Tensor, "time batch hidden"] | None,
        to_final: Float[Tensor, "batch hidden"] | None,
        wants_inputs: bool,
    ) -> Float[Tensor, "..."]:
        """Fill in the gradients to the parameters; return those to the inputs.

        Args:
            to_outputs: gradient to all outputs, (time, batch, hidden); None: zeros.
            to_final: gradient to the last one alone, (batch, hidden); None: zeros.
            wants_inputs: whether those to the inputs are wanted.

        Returns:
            (time, batch, features), valid until the next call; empty if not wanted.
        """
        call = self._call
        if wants_inputs and not len(self._to_inputs):
            self._to_inputs = torch.empty(self._size, dtype=self._of_state[1])
        call.d_x = self._to_inputs.data_ptr() if wants_inputs else 0
        self._d_states[0] = self._d_final[0] = 0
        if to_outputs is not None:
            to_outputs = to_outputs if to_outputs.stride(-1) == 1 else to_outputs.contiguous()
            self._d_states[0] = to_outputs.data_ptr()
            call.d_states_step[0], call.d_states_row[0] = to_outputs.stride()[:2]
        if to_final is not None:
            to_final = to_final if to_final.stride(-1) == 1 else to_final.contiguous()
            self._d_final[0] = to_final.data_ptr()
            call.d_final_row[0] = to_final.stride(0)
        self._kernel.run_backward(call)
        # what the backward pass read may be freed now
        self._given = ()
        return self._to_inputs
