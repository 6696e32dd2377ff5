"""The compiled backend for what an update does besides the cells; see update.c."""

import ctypes
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import torch
from torch import Tensor

from bptt.kernels.building import NotBuilt, load
from bptt.settings import read_settings

REALS = {
    torch.float32: ("float", "name##f"),
    torch.float64: ("double", "name"),
}
"""Types of numbers, and how C calls them and their functions."""

LANES = 16
"""Vectors of gradients and parameters are multiples of it, as in update.c."""


class ReadOutCall(ctypes.Structure):
    """`struct read_out` of update.c."""

    _fields_ = [
        *((name, ctypes.c_long) for name in ("batch", "hidden", "outputs", "squared", "read_step")),
        *((name, ctypes.c_void_p) for name in ("read", "weight", "bias", "targets")),
        *((name, ctypes.c_void_p) for name in ("found", "d_read", "d_weight", "d_bias")),
        ("loss", ctypes.c_double),
    ]


class AdamCall(ctypes.Structure):
    """`struct adam` of update.c."""

    _fields_ = [
        ("n", ctypes.c_long),
        ("decoupled", ctypes.c_long),
        *((n, ctypes.c_void_p) for n in ("parameters", "gradients", "mean", "square", "step")),
        *((n, ctypes.c_double) for n in ("lr", "beta1", "beta2", "eps", "weight_decay", "scale")),
    ]


class UpdateKernel:
    """A loaded library.

    Args:
        library: built from update.c.
        dtype: its type of numbers.
    """

    def __init__(self, library: ctypes.CDLL, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.read_out = library.read_out
        self.read_out.restype = ctypes.c_long
        self.norm = library.norm
        self.norm.restype = ctypes.c_double
        self.adam = library.adam
        self.adam.restype = ctypes.c_long


def load_update_kernel(dtype: torch.dtype) -> UpdateKernel | None:
    """Return the library for a type of numbers; None where no compiler can build it."""
    real, function = REALS[dtype]
    text = resources.files("bptt.kernels").joinpath("update.c").read_text()
    head = f"#define REAL {real}\n#define LIBM(name) {function}\n"
    settings = read_settings()
    try:
        library = load(head + text, settings.compilers, settings.kernels)
    except NotBuilt:
        return None
    return UpdateKernel(library, dtype)


class ReadOut:
    """Read-out after the last step with the mean of its losses, forward and backward in one call.

    Args:
        kernel: of the type of numbers.
        weight: (outputs, hidden).
        bias: (outputs,).
        gradients: where those of weight and bias go.
        loss: `cross_entropy` or `squared_error`.
    """

    def __init__(
        self,
        kernel: UpdateKernel,
        weight: Tensor,
        bias: Tensor,
        gradients: tuple[Tensor, Tensor],
        loss: str,
    ) -> None:
        self._kernel = kernel
        self._size = tuple(weight.shape)
        squared = loss == "squared_error"
        self._type_of_targets = kernel.dtype if squared else torch.int64
        # these have to live as long as their addresses
        self._tensors = (weight, bias, *gradients)
        self._call = ReadOutCall(
            hidden=weight.shape[1],
            outputs=weight.shape[0],
            squared=squared,
            weight=weight.data_ptr(),
            bias=bias.data_ptr(),
            d_weight=gradients[0].data_ptr(),
            d_bias=gradients[1].data_ptr(),
        )
        self._at: Any = ctypes.byref(self._call)
        self._found = self._to_read = torch.empty(0)

    def run(self, read: Tensor, targets: Tensor) -> tuple[Tensor, float, Tensor]:
        """Return outputs, loss and gradient to what was read; valid until the next call.

        Args:
            read: (batch, hidden), the last state.
            targets: (batch,) classes, or what a squared error is taken to.

        Returns:
            (batch, outputs); the mean of the losses; (batch, hidden).

        Raises:
            ValueError: shapes or types do not fit together.
            IndexError: a target is no class.
        """
        batch, outputs = len(read), self._size[0]
        call = self._call
        if read.stride(1) != 1:
            read = read.contiguous()
        if batch != call.batch:
            self._found = read.new_empty(batch, outputs)
            self._to_read = read.new_empty(batch, self._size[1])
            call.batch = batch
            call.found, call.d_read = self._found.data_ptr(), self._to_read.data_ptr()
        targets = targets.to(self._type_of_targets).contiguous()
        if targets.shape != (batch,) or read.shape[1:] != self._size[1:]:
            raise ValueError(
                f"targets must be ({batch},) and what is read ({batch}, {self._size[1]}), "
                f"got {tuple(targets.shape)} and {tuple(read.shape)}"
            )
        if read.dtype != self._kernel.dtype:
            raise ValueError(f"what is read must be {self._kernel.dtype}, got {read.dtype}")
        call.read, call.read_step = read.data_ptr(), read.stride(0)
        call.targets = targets.data_ptr()
        if self._kernel.read_out(self._at):
            low, high = int(targets.min()), int(targets.max())
            raise IndexError(f"targets must be classes 0 .. {outputs - 1}, got {low} .. {high}")
        return self._found, call.loss, self._to_read


class AdamStep:
    """Norm of the gradients, and a step of Adam on gradients that it scales first.

    Args:
        kernel: of the type of numbers.
        vectors: parameters, gradients, first and second moments, side by side; their number a
            multiple of `LANES`.
        step: how many steps there were, float32, which counts on.
        rates: `lr`, `beta1`, `beta2`, `eps` and `weight_decay`.
        decoupled: whether the weight decay is AdamW's.

    Raises:
        ValueError: shapes or types do not fit together.
    """

    def __init__(
        self,
        kernel: UpdateKernel,
        vectors: Sequence[Tensor],
        step: Tensor,
        rates: Mapping[str, float],
        decoupled: bool,
    ) -> None:
        count = len(vectors[0])
        fits = all(
            v.shape == (count,) and v.is_contiguous() and v.dtype == kernel.dtype for v in vectors
        )
        if not fits or count % LANES or step.dtype != torch.float32:
            raise ValueError(
                f"vectors must have the same multiple of {LANES} of {kernel.dtype} and count in "
                f"float32, got {[(tuple(v.shape), v.dtype) for v in (*vectors, step)]}"
            )
        # these have to live as long as their addresses
        self._tensors = (*vectors, step)
        addresses = (tensor.data_ptr() for tensor in self._tensors)
        self._call = AdamCall(count, decoupled, *addresses, **rates)
        self._at: Any = ctypes.byref(self._call)
        self._norm_of = ctypes.c_void_p(vectors[1].data_ptr()), ctypes.c_long(count)
        self._kernel = kernel

    def norm(self) -> float:
        """Return the 2-norm of all gradients together, summed in float64."""
        norm: float = self._kernel.norm(*self._norm_of)
        return norm

    def step(self, scale: float) -> bool:
        """Multiply the gradients and do a step; say whether all parameters are finite after it."""
        self._call.scale = scale
        return bool(self._kernel.adam(self._at))
