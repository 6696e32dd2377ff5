"""A spec's optimiser over the flat parameters of one run."""

import torch
from torch import Tensor

from bptt.spec import SGD, Adam, AdamW, Momentum, Optimizer, RMSprop

FUSED = {
    torch.optim.Adam: getattr(torch, "_fused_adam_", None),
    torch.optim.AdamW: getattr(torch, "_fused_adamw_", None),
}
"""What the step of these optimisers comes down to; None in a torch without such a kernel."""


class Updating:
    """Steps of an optimiser of one tensor.

    What torch's own `step` does around the kernel takes longer than a pass of a small network;
    it does the first step, which makes the moments.

    Args:
        optimizer: made by `make_optimizer`.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        (self._group,) = optimizer.param_groups
        (self._parameters,) = self._group["params"]
        self._kernel = FUSED.get(type(optimizer))
        self._state: dict[str, Tensor] = {}
        self._arguments: tuple[list[Tensor], ...] = ()

    def step(self) -> None:
        """Do one."""
        state = self._optimizer.state[self._parameters]
        if self._kernel is None or not state:
            self._optimizer.step()
            return
        if state is not self._state:
            # the first time, and after a checkpoint was loaded
            (self._group,) = self._optimizer.param_groups
            self._state = state
            moments = [state["exp_avg"]], [state["exp_avg_sq"]]
            tensors = [self._parameters.detach()], [self._parameters.grad]
            self._arguments = (*tensors, *moments, [], [state["step"]])
        group = self._group
        state["step"].add_(1)
        self._kernel(
            *self._arguments,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )


def make_optimizer(spec: Optimizer, parameters: Tensor) -> torch.optim.Optimizer:
    """Return torch's optimiser; all of them work element by element, so flat is the same."""
    decay = spec.weight_decay
    match spec:
        case AdamW():
            betas = (spec.beta1, spec.beta2)
            return torch.optim.AdamW([parameters], spec.lr, betas, spec.eps, decay, fused=True)
        case Adam():
            betas = (spec.beta1, spec.beta2)
            return torch.optim.Adam([parameters], spec.lr, betas, spec.eps, decay, fused=True)
        case RMSprop():
            return torch.optim.RMSprop(
                [parameters], spec.lr, spec.alpha, spec.eps, weight_decay=decay
            )
        case Momentum():
            return torch.optim.SGD(
                [parameters],
                spec.lr,
                momentum=spec.momentum,
                nesterov=spec.nesterov,
                weight_decay=decay,
            )
        case SGD():
            return torch.optim.SGD([parameters], spec.lr, weight_decay=decay)
