"""Read-out and known losses, compiled; see update.c."""

import ctypes
from collections.abc import Sequence
from typing import NoReturn

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bptt.contracts import KnownLoss
from bptt.contracts.losses import check_classes
from bptt.kernels.compiled.update import BLOCK, UpdateKernel


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
    """Mean of the losses of predictions, and its derivative.

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
        self._kernel = kernel
        self._outputs = outputs
        squared = loss == "squared_error"
        self._type_of_targets = kernel.dtype if squared else torch.int64
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
        self._gradients = torch.empty(0)
        self._targets = torch.empty(0)
        self._counts: Tensor | None = None

    def take(
        self, targets: Shaped[Tensor, "*axes"], counts: Shaped[Tensor, "..."] | None
    ) -> Float[Tensor, "*axes outputs"]:
        """Make room for this many predictions, and return where the derivative will be.

        Args:
            targets: classes, or what a squared error is taken to; of any shape.
            counts: in the shape of `targets`, bool: which count in the mean; None: all.

        Raises:
            ValueError: the shapes differ, or targets are no classes but numbers, or the reverse.
        """
        call = self.call
        if targets.is_floating_point() != self._type_of_targets.is_floating_point:
            raise ValueError(f"targets must be {self._type_of_targets}, got {targets.dtype}")
        self._targets = targets = targets.to(self._type_of_targets).contiguous()
        call.targets = targets.data_ptr()
        call.counts = self._counts = None
        if counts is not None:
            if counts.shape != targets.shape:
                raise ValueError(
                    f"a mask must be {tuple(targets.shape)}, got {tuple(counts.shape)}"
                )
            self._counts = counts = counts.to(torch.bool).contiguous()
            call.counts = counts.data_ptr()
        rows = targets.numel()
        if rows != call.rows:
            # room for an extra vector, because they are computed a vector at a time
            self._gradients = torch.empty(rows * self._outputs + BLOCK, dtype=self._kernel.dtype)
            call.rows, call.gradients = rows, self._gradients.data_ptr()
        return self._gradients[: rows * self._outputs].view(*targets.shape, self._outputs)

    def run(
        self,
        outputs: Float[Tensor, "..."],
        targets: Shaped[Tensor, "*axes"],
        counts: Shaped[Tensor, "..."] | None,
    ) -> tuple[float, Float[Tensor, "*axes outputs"]]:
        """Return the mean and its derivative by the outputs, valid until the next call.

        Args:
            outputs: (..., outputs).
            targets: (...).
            counts: (...) bool: which predictions count in the mean; None: all.

        Raises:
            ValueError: shapes or types do not fit together.
            IndexError: a target is no class.
        """
        size = (*targets.shape, self._outputs)
        if outputs.dtype != self._kernel.dtype or outputs.shape != size:
            raise ValueError(
                f"outputs must be {size} of {self._kernel.dtype}, got "
                f"{tuple(outputs.shape)} of {outputs.dtype}"
            )
        gradients = self.take(targets, counts)
        outputs = outputs.contiguous()
        self.call.found = outputs.data_ptr()
        if self._kernel.losses(ctypes.byref(self.call)):
            self.refuse_targets()
        return self.call.mean, gradients

    def refuse_targets(self) -> NoReturn:
        """Say which targets are not classes.

        Raises:
            IndexError: always.
        """
        counted = self._targets if self._counts is None else self._targets[self._counts]
        check_classes(counted, self._outputs)
        raise AssertionError("the kernel saw other targets")


class ReadOut:
    """Read-out after the last step with the mean of its losses, forward and backward in one call.

    Args:
        kernel: of the type of numbers.
        weight: (outputs, hidden).
        bias: (outputs,).
        gradients: where those of weight and bias go.
        losses: of its predictions, for it alone.
    """

    def __init__(
        self,
        kernel: UpdateKernel,
        weight: Tensor,
        bias: Tensor,
        gradients: tuple[Tensor, Tensor],
        losses: Losses,
    ) -> None:
        self._kernel = kernel
        self._outputs, self._hidden = weight.shape
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
        losses.call = self._call.losses
        self._found = self._to_read = torch.empty(0)

    def run(
        self, read: Float[Tensor, "batch hidden"], targets: Shaped[Tensor, "..."]
    ) -> tuple[Float[Tensor, "batch outputs"], float, Float[Tensor, "batch hidden"]]:
        """Return outputs, loss and gradient of what was read; valid until the next call.

        Args:
            read: (batch, hidden), the last state.
            targets: (batch,) classes, or what a squared error is taken to.

        Returns:
            (batch, outputs); the mean of the losses; (batch, hidden).

        Raises:
            ValueError: shapes or types do not fit together.
            IndexError: a target is no class.
        """
        batch = len(read)
        if targets.shape != (batch,) or read.shape[1:] != (self._hidden,):
            raise ValueError(
                f"targets must be ({batch},) and what is read ({batch}, {self._hidden}), "
                f"got {tuple(targets.shape)} and {tuple(read.shape)}"
            )
        if read.dtype != self._kernel.dtype:
            raise ValueError(f"what is read must be {self._kernel.dtype}, got {read.dtype}")
        call = self._call
        read = read if read.stride(1) == 1 else read.contiguous()
        if len(self._found) != batch:
            self._found = read.new_empty(batch, self._outputs)
            self._to_read = read.new_empty(batch, self._hidden)
            call.found = call.losses.found = self._found.data_ptr()
            call.d_read = self._to_read.data_ptr()
        self._losses.take(targets, None)
        call.read, call.step = read.data_ptr(), read.stride(0)
        if self._kernel.read_out(ctypes.byref(call)):
            self._losses.refuse_targets()
        return self._found, call.losses.mean, self._to_read
