"""A spec's optimiser over the flat parameters of one run."""

from typing import Any

import torch
from torch import Tensor

from bptt.contracts import joint_norm
from bptt.kernels.compiled.update import AdamStep, UpdateKernel
from bptt.network.parameters import is_finite
from bptt.optimizers import OptimizerSpec

FUSED = {
    torch.optim.Adam: getattr(torch, "_fused_adam_", None),
    torch.optim.AdamW: getattr(torch, "_fused_adamw_", None),
}
"""What the step of these optimisers boils down to; None in a torch without such a kernel."""

SQUARES = ("exp_avg_sq", "square_avg")
"""Means of squared gradients, as torch's optimisers call them."""


class Updating:
    """Steps of an optimiser of one tensor.

    The overhead of torch's own `step` exceeds a pass of a small network; it does only the first
    step, which creates the moments.

    Args:
        optimizer: made by `make_optimizer`; the tensor's gradient stays where it is.
        kernel: for this number type, if there is one.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, kernel: UpdateKernel | None = None
    ) -> None:
        self._optimizer = optimizer
        (group,) = optimizer.param_groups
        (self._parameters,) = group["params"]
        self._fused = FUSED.get(type(optimizer))
        self._kernel = kernel
        self._norm = kernel.norm_of(self._parameters.grad) if kernel else None
        self._state: dict[str, Tensor] = {}
        self._tensors: tuple[list[Tensor], ...] = ()
        self._rates: dict[str, Any] = {}
        self._adam: AdamStep | None = None

    def norm(self) -> float:
        """Return the 2-norm of the gradients, summed in float64."""
        if self._norm:
            return self._norm()
        return joint_norm({"": self._parameters.grad}).item()

    def step(self, scale: float = 1.0) -> bool:
        """Multiply the gradients and do a step; say whether all parameters are finite after it."""
        known = self._look_for_moments()
        if self._adam:
            return self._adam.step(scale)
        if scale != 1:
            self._parameters.grad.mul_(scale)
        if known and self._fused:
            self._state["step"].add_(1)
            self._fused(*self._tensors, **self._rates, amsgrad=False, maximize=False)
        else:
            self._optimizer.step()
        return is_finite(self._parameters)

    def overflowed(self) -> int:
        """Count the parameters whose mean of squared gradients overflows their type.

        It never recovers, and anything divided by its root is 0: no gradient moves them.
        """
        state = self._optimizer.state[self._parameters]
        squares = [state[name] for name in SQUARES if name in state]
        return sum(int((~square.isfinite()).sum()) for square in squares)

    def _look_for_moments(self) -> bool:
        """Say whether there are any, as after the first step or from a checkpoint."""
        state = self._optimizer.state[self._parameters]
        if state is self._state or not state or type(self._optimizer) not in FUSED:
            return bool(state)
        self._state = state
        (group,) = self._optimizer.param_groups
        self._rates = {name: group[name] for name in ("lr", "weight_decay", "eps")}
        self._rates["beta1"], self._rates["beta2"] = group["betas"]
        vectors = [self._parameters.detach(), self._parameters.grad]
        vectors += [state["exp_avg"], state["exp_avg_sq"]]
        self._tensors = (*([vector] for vector in vectors), [], [state["step"]])
        if self._kernel is not None:
            decoupled = isinstance(self._optimizer, torch.optim.AdamW)
            self._adam = AdamStep(self._kernel, vectors, state["step"], self._rates, decoupled)
        return True


def make_optimizer(spec: OptimizerSpec, parameters: Tensor) -> torch.optim.Optimizer:
    """Return torch's optimiser of flat parameters."""
    made: torch.optim.Optimizer = getattr(torch.optim, spec.made_by)(
        [parameters], **spec.arguments()
    )
    return made
