"""A spec's optimiser over the flat parameters of one run."""

import torch
from torch import Tensor

from bptt.spec import SGD, Adam, AdamW, Momentum, Optimizer, RMSprop

FUSED = {
    torch.optim.Adam: getattr(torch, "_fused_adam_", None),
    torch.optim.AdamW: getattr(torch, "_fused_adamw_", None),
}
"""What the step of these optimisers comes down to; None in a torch without such a kernel."""


def update(optimizer: torch.optim.Optimizer) -> None:
    """Do one step of an optimiser of one tensor.

    What torch's own `step` does around the kernel takes longer than a pass of a small network;
    it does the first step, which makes the moments.
    """
    kernel = FUSED.get(type(optimizer))
    (group,) = optimizer.param_groups
    (parameters,) = group["params"]
    state = optimizer.state[parameters]
    if kernel is None or not state:
        optimizer.step()
        return
    state["step"] += 1
    kernel(
        *([parameters.detach()], [parameters.grad], [state["exp_avg"]], [state["exp_avg_sq"]]),
        *([], [state["step"]]),
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
