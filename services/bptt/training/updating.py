"""A spec's optimiser over the flat parameters of one run."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from bptt.contracts import joint_norm
from bptt.kernels.compiled.update import AdamStep, UpdateKernel
from bptt.network.parameters import is_finite
from bptt.optimizers import Adam, OptimizerSpec


class Updating:
    """Steps of an optimiser of one tensor.

    Args:
        optimizer: by which rule.
        parameters: what it changes in place; its gradient stays where it is.
        kernel: for this number type, if there is one; it does every step but the first.
    """

    def __init__(
        self, optimizer: OptimizerSpec, parameters: Tensor, kernel: UpdateKernel | None = None
    ) -> None:
        gradients = parameters.grad
        assert gradients is not None
        self._optimizer = optimizer
        self._parameters, self._gradients = parameters.detach(), gradients
        self._kernel = kernel
        self._norm = kernel.norm_of(gradients) if kernel else None
        self._adam: AdamStep | None = None
        self.moments: dict[str, Tensor] = {}
        """What torch's optimiser keeps of a tensor, under its names; empty before the first."""

    def norm(self) -> float:
        """Return the 2-norm of the gradients, summed in float64."""
        if self._norm:
            return self._norm()
        return joint_norm({"": self._gradients}).item()

    def step(self, scale: float = 1.0) -> bool:
        """Multiply the gradients and do a step; say whether all parameters are finite after it."""
        if self._adam:
            return self._adam.step(scale)
        if scale != 1:
            self._gradients.mul_(scale)
        self._optimizer.step(self._parameters, self._gradients, self.moments)
        self._use_kernel()
        return is_finite(self._parameters)

    def overflowed(self) -> int:
        """Count the parameters whose mean of squared gradients overflows their type.

        It never recovers, and anything divided by its root is 0: no gradient moves them.
        """
        squares = self.moments.get(self._optimizer.squares)
        return 0 if squares is None else int((~squares.isfinite()).sum())

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step depends on, as torch's optimiser of one tensor does."""
        group = {**self._optimizer.group(), "params": [0]}
        return {"state": {0: dict(self.moments)}, "param_groups": [group]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where a `state_dict`, of this or of torch's optimiser, was taken."""
        self.moments = dict(state["state"].get(0, {}))
        self._use_kernel()

    def _use_kernel(self) -> None:
        """Leave the steps to come to the kernel, once there are moments."""
        if self._kernel is None or not isinstance(self._optimizer, Adam) or not self.moments:
            return
        means = self.moments["exp_avg"], self.moments["exp_avg_sq"]
        self._adam = AdamStep(
            self._kernel,
            (self._parameters, self._gradients, *means),
            self.moments["step"],
            self._optimizer.rates(),
            self._optimizer.decoupled,
        )
