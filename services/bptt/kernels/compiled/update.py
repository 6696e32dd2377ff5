"""Norm of the gradients, Adam and the gradient of an embedding, compiled; see update.c."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bptt.kernels.compiled import building
from bptt.kernels.compiled.building import load
from bptt.kernels.compiled.sources import assembled, number_type
from bptt.settings import read_settings

BLOCK = 16
"""Vectors of gradients and parameters are multiples of it, as in update.c."""


FILES = ("numbers.c", "matrices.c", "update.c", "read_out.c")


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
        self.read_out_of_steps = library.read_out_of_steps
        self.read_out_of_steps.restype = ctypes.c_long
        self._add_rows = library.add_rows
        self._add_rows.restype = None
        self._norm = library.norm
        self._norm.restype = ctypes.c_double
        self.adam = library.adam
        self.adam.restype = ctypes.c_long

    def add_rows(
        self,
        to: Float[Tensor, "classes features"],
        rows: Float[Tensor, "..."],
        of: Int[Tensor, "..."],
    ) -> None:
        """Add each row to that of its class, in their order: the gradient of an embedding.

        Args:
            to: (classes, features), contiguous.
            rows: (..., features).
            of: (...) the class of each row, which the embedding has found to be one.

        Raises:
            ValueError: shapes or types do not fit together.
        """
        types, size = {to.dtype, rows.dtype}, (*of.shape, to.shape[1])
        if types != {self.dtype} or rows.shape != size or not to.is_contiguous():
            raise ValueError(f"rows must be {size} of {self.dtype}, got {tuple(rows.shape)}")
        rows, of = rows.contiguous(), of.to(torch.int64).contiguous()
        at = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (to, rows, of))
        self._add_rows(*at, ctypes.c_long(of.numel()), ctypes.c_long(to.shape[1]))

    def norm_of(self, vector: Float[Tensor, "..."]) -> Callable[[], float]:
        """Return a function that returns the vector's current 2-norm, summed in float64.

        Args:
            vector: its length a multiple of `BLOCK`; it must stay where it is.

        Raises:
            ValueError: shape or type do not fit.
        """
        self.check(vector)
        at, count = ctypes.c_void_p(vector.data_ptr()), ctypes.c_long(len(vector))
        return partial(self._norm, at, count)

    def check(self, *vectors: Float[Tensor, "..."]) -> None:
        """Check that vectors are as the library reads them.

        Raises:
            ValueError: shapes or types do not fit together.
        """
        count = len(vectors[0])
        for vector in vectors:
            fits = vector.shape == (count,) and vector.is_contiguous()
            if not fits or vector.dtype != self.dtype or count % BLOCK:
                raise ValueError(
                    f"vectors must have the same multiple of {BLOCK} of {self.dtype}, "
                    f"got {tuple(vector.shape)} of {vector.dtype}"
                )


def load_update_kernel(dtype: torch.dtype) -> UpdateKernel:
    """Return the library for a type of numbers.

    Raises:
        NotBuilt: no compiler can build it.
    """
    settings = read_settings()
    source = assembled(number_type(dtype), *FILES)
    return UpdateKernel(load(source, settings.compilers, settings.kernels), dtype)


def load_built() -> None:
    """Load what every update needs, if it was built before, for processes that are forked later."""
    settings = read_settings()
    for dtype in (torch.float32, torch.float64):
        source = assembled(number_type(dtype), *FILES)
        building.load_built(source, settings.compilers, settings.kernels)


class AdamStep:
    """A step of Adam on gradients that it scales first.

    Args:
        kernel: of the type of numbers.
        vectors: parameters, gradients, first and second moments, side by side; their number a
            multiple of `BLOCK`.
        step: how many steps there have been, float32, incremented.
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
        kernel.check(*vectors)
        if step.dtype != torch.float32:
            raise ValueError(f"steps must be counted in float32, got {step.dtype}")
        # these have to live as long as their addresses
        self._tensors = (*vectors, step)
        addresses = (tensor.data_ptr() for tensor in self._tensors)
        self._call = AdamCall(len(vectors[0]), decoupled, *addresses, **rates)
        self._at: Any = ctypes.byref(self._call)
        self._kernel = kernel

    def step(self, scale: float) -> bool:
        """Multiply the gradients and do a step; return if all parameters are finite afterwards."""
        self._call.scale = scale
        return bool(self._kernel.adam(self._at))
