"""A loaded kernel of a cell, and the order in which it takes the cell's weights."""

import ctypes
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from bptt.contracts import PointwiseCell
from bptt.contracts.draws import Where
from bptt.kernels.compiled.layout import call_type
from bptt.kernels.step.tracing import Trace

WEIGHTS = ("input_weight", "recurrent_weight", "input_bias", "recurrent_bias", "product_weight")
"""Of a cell, in the order in which a kernel takes them; the last one if it has products."""


class Kernel:
    """A loaded library and what is needed to call it.

    Args:
        library: built from the source of a cell's kernel.
        trace: of the cell's step.
    """

    def __init__(self, library: ctypes.CDLL, trace: Trace) -> None:
        self._saved: int = library.saved()
        self._saved_rows: int = library.saved_rows()
        self.states, self.vectors = len(trace.states), len(trace.vectors)
        self.weights = WEIGHTS if trace.products else WEIGHTS[:-1]
        """Names in `struct call` of what comes first among `weights`."""
        self.draws = trace.draws
        """Whether it draws random numbers."""
        self.width: int = library.width()
        self._forward = library.forward
        self._backward = library.backward
        self.call = call_type(self.states, self.vectors)

    def room_to_keep(self, size: Sequence[int], dtype: torch.dtype) -> Float[Tensor, "numbers"]:
        """Return where a forward pass puts what the way back needs, for (time, batch, padded)."""
        time, batch, padded = size
        # read by whole vectors
        count = time * batch * (self._saved * padded + self._saved_rows) + self.width
        return torch.empty(count, dtype=dtype)

    def place(
        self, call: ctypes.Structure, own: Sequence[Float[Tensor, "..."]], to: str = ""
    ) -> None:
        """Write into a call where weights and vectors lie, or their gradients (`to`: "d_")."""
        pointers = [tensor.data_ptr() for tensor in own]
        for name, pointer in zip(self.weights, pointers, strict=False):
            setattr(call, f"{to}{name}", pointer)
        getattr(call, f"{to}vectors")[:-1] = pointers[len(self.weights) :]

    def place_draws(self, call: ctypes.Structure, where: Where | None) -> tuple[Tensor, ...]:
        """Write into a call where it draws; return what must live as long as the call."""
        if where is None:
            return ()
        call.key = where.key
        given = [t if t is None else t.contiguous() for t in where[1:]]
        call.draw_sequences, call.draw_begins = (0 if t is None else t.data_ptr() for t in given)
        return tuple(t for t in given if t is not None)

    def run_forward(self, call: ctypes.Structure) -> None:
        """Call the forward pass."""
        if self._forward(ctypes.byref(call)):
            raise MemoryError("the kernel's buffers")

    def run_backward(self, call: ctypes.Structure) -> None:
        """Call the backward pass."""
        if self._backward(ctypes.byref(call)):
            raise MemoryError("the kernel's buffers")


def weights(cell: PointwiseCell) -> tuple[Float[Tensor, "..."], ...]:
    """Return the parameters of a cell in the order in which a kernel takes them."""
    return _in_order(cell, cell.recurrent_weight, cell.product_weight)


def used_weights(cell: PointwiseCell) -> tuple[Float[Tensor, "..."], ...]:
    """Return the same as a step uses them; see `PointwiseCell.recurrent`."""
    return _in_order(cell, *cell.used_weights())


def _in_order(
    cell: PointwiseCell, recurrent: Tensor, products: Tensor | None
) -> tuple[Tensor, ...]:
    own = (cell.input_weight, recurrent, cell.input_bias, cell.recurrent_bias)
    of_products = () if products is None else (products,)
    return (*own, *of_products, *(cell.vector[name] for name in cell.vectors))
