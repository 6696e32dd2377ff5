"""Read-out and known losses, compiled; see update.c and read_out.c."""

import ctypes
from collections.abc import Sequence
from typing import NoReturn

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bptt.contracts import KnownLoss
from bptt.contracts.losses import check_classes
from bptt.kernels.compiled.update import BLOCK, UpdateKernel

NO_ROOM = 2
"""What a read-out returns if there is no memory for it."""


class LossesCall(ctypes.Structure):
    """`struct losses` of update.c."""

    _fields_ = [
        *((name, ctypes.c_long) for name in ("rows", "outputs", "squared")),
        *((name, ctypes.c_void_p) for name in ("found", "weights", "targets", "counts")),
        ("gradients", ctypes.c_void_p),
        ("mean", ctypes.c_double),
    ]


class ReadOutCall(ctypes.Structure):
    """`struct read_out` of update.c."""

    _fields_ = [
        ("losses", LossesCall),
        *((name, ctypes.c_long) for name in ("hidden", "step")),
        *((name, ctypes.c_void_p) for name in ("read", "weight", "bias")),
        *((name, ctypes.c_void_p) for name in ("found", "d_read", "d_weight", "d_bias")),
    ]


class Losses:
    """The mean of the losses of predictions, as a kernel is told of it.

    Args:
        kernel: of the type of numbers.
        outputs: of each prediction.
        loss: `cross_entropy` or `squared_error`.
        class_weights: factor on the loss of each class; none: 1.

    Raises:
        ValueError: there are more or fewer weights than classes.
    """

    def __init__(
        self,
        kernel: UpdateKernel,
        outputs: int,
        loss: KnownLoss,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        self._outputs = outputs
        squared = loss == "squared_error"
        self._type_of_targets = kernel.dtype if squared else torch.int64
        self._takes_numbers = squared
        weights = torch.empty(0)
        self.call = LossesCall(outputs=outputs, squared=squared)
        if class_weights is not None:
            weights = torch.as_tensor(class_weights, dtype=kernel.dtype).contiguous()
            if weights.shape != (outputs,):
                raise ValueError(
                    f"class_weights must be one for each of {outputs} classes, got {len(weights)}"
                )
            self.call.weights = weights.data_ptr()
        # these have to live as long as their addresses
        self._weights = weights
        self._targets = torch.empty(0)
        self._counts: Tensor | None = None

    def take(self, targets: Shaped[Tensor, "..."], counts: Shaped[Tensor, "..."] | None) -> None:
        """Say what is to be predicted.

        Args:
            targets: classes, or what a squared error is taken to; of any shape.
            counts: in the shape of `targets`, bool: which count in the mean; None: all.

        Raises:
            ValueError: the shapes differ, or targets are no classes but numbers, or the reverse.
        """
        call = self.call
        if targets.is_floating_point() != self._takes_numbers:
            raise ValueError(f"targets must be {self._type_of_targets}, got {targets.dtype}")
        if targets.dtype != self._type_of_targets or not targets.is_contiguous():
            targets = targets.to(self._type_of_targets).contiguous()
        self._targets = targets
        call.rows, call.targets = targets.numel(), targets.data_ptr()
        call.counts = self._counts = None
        if counts is not None:
            if counts.shape != targets.shape:
                raise ValueError(
                    f"a mask must be {tuple(targets.shape)}, got {tuple(counts.shape)}"
                )
            self._counts = counts = counts.to(torch.bool).contiguous()
            call.counts = counts.data_ptr()

    def refuse_targets(self) -> NoReturn:
        """Say which targets are not classes.

        Raises:
            IndexError: always.
        """
        counted = self._targets if self._counts is None else self._targets[self._counts]
        check_classes(counted, self._outputs)
        raise AssertionError("the kernel saw other targets")


class ReadOut:
    """Read-out with the mean of its losses, forward and backward in one call.

    Args:
        kernel: of the type of numbers.
        weight: (outputs, hidden).
        bias: (outputs,).
        gradients: where those of weight and bias go.
        losses: of its predictions, for it alone.
        every: read every step, not the last one alone.
    """

    def __init__(
        self,
        kernel: UpdateKernel,
        weight: Tensor,
        bias: Tensor,
        gradients: tuple[Tensor, Tensor],
        losses: Losses,
        every: bool = False,
    ) -> None:
        self._run = kernel.read_out_of_steps if every else kernel.read_out
        self._dtype = kernel.dtype
        self._outputs, self._hidden = weight.shape
        # at every step, rows are as long as the vectors they are computed in
        self._padded = BLOCK if every else 1
        self._losses = losses
        # these have to live as long as their addresses
        self._tensors = (weight, bias, *gradients)
        self._call = ReadOutCall(
            hidden=self._hidden,
            weight=weight.data_ptr(),
            bias=bias.data_ptr(),
            d_weight=gradients[0].data_ptr(),
            d_bias=gradients[1].data_ptr(),
        )
        # C has a structure within the other
        self._call.losses = losses.call
        losses.call = self._losses_call = self._call.losses
        self._at = ctypes.byref(self._call)
        self._found = self._to_read = self._gradients = self._rows = torch.empty(0)
        self._read: Tensor | None = None
        self._views = self._found, self._to_read

    def run(
        self,
        read: Float[Tensor, "*axes hidden"],
        targets: Shaped[Tensor, "..."],
        counts: Shaped[Tensor, "..."] | None = None,
    ) -> tuple[Float[Tensor, "*axes outputs"], float, Float[Tensor, "*axes hidden"]]:
        """Return outputs, loss and gradient of what was read; valid until the next call.

        Args:
            read: (batch, hidden), the last state; (time, batch, hidden), if it reads every step.
            targets: (batch,) or (time, batch) classes, or what a squared error is taken to.
            counts: in the shape of `targets`, bool: which count in the mean, if it reads every
                step; None: all.

        Returns:
            (..., outputs); the mean of the losses; (..., hidden).

        Raises:
            ValueError: shapes or types do not fit together.
            IndexError: a target is no class.
        """
        # kernels write every update's states into the same tensor
        known = read is self._read
        if targets.shape != read.shape[:-1] or not (known or read.shape[-1] == self._hidden):
            raise ValueError(
                f"targets must be {tuple(read.shape[:-1])} and what is read "
                f"{(*targets.shape, self._hidden)}, "
                f"got {tuple(targets.shape)} and {tuple(read.shape)}"
            )
        if not known:
            self._look_at(read)
        self._losses.take(targets, counts)
        if failed := self._run(self._at):
            if failed == NO_ROOM:
                raise MemoryError("the read-out's buffers")
            self._losses.refuse_targets()
        found, back = self._views
        return found, self._losses_call.mean, back

    def _look_at(self, read: Float[Tensor, "*axes hidden"]) -> None:
        if read.dtype != self._dtype:
            raise ValueError(f"what is read must be {self._dtype}, got {read.dtype}")
        # a view, where rows are equally far apart
        rows = read.flatten(end_dim=-2)
        rows = rows if rows.stride(1) == 1 else rows.contiguous()
        if len(self._found) != len(rows):
            self._make_room(len(rows))
        self._call.read, self._call.step = rows.data_ptr(), rows.stride(0)
        # a copy holds what was read this once
        self._read, self._rows = read if rows.data_ptr() == read.data_ptr() else None, rows
        views = self._found[:, : self._outputs], self._to_read[:, : self._hidden]
        found, back = (view.unflatten(0, read.shape[:-1]) for view in views)
        self._views = found, back

    def _make_room(self, rows: int) -> None:
        call, step = self._call, self._padded
        outputs, hidden = (-(-size // step) * step for size in (self._outputs, self._hidden))
        self._found = torch.empty(rows, outputs, dtype=self._dtype)
        self._to_read = torch.empty(rows, hidden, dtype=self._dtype)
        call.found = call.losses.found = self._found.data_ptr()
        call.d_read = self._to_read.data_ptr()
        if step == 1:
            # room for an extra vector, because they are computed a vector at a time
            self._gradients = torch.empty(rows * outputs + BLOCK, dtype=self._dtype)
            call.losses.gradients = self._gradients.data_ptr()
