"""A spec's optimiser over the flat parameters of one run."""

import torch
from torch import Tensor

from bptt.spec import SGD, Adam, AdamW, Momentum, Optimizer, RMSprop


def make_optimizer(spec: Optimizer, parameters: Tensor) -> torch.optim.Optimizer:
    """Return torch's optimiser; all of them work element by element, so flat is the same."""
    decay = spec.weight_decay
    match spec:
        case AdamW():
            betas = (spec.beta1, spec.beta2)
            return torch.optim.AdamW([parameters], spec.lr, betas, spec.eps, decay)
        case Adam():
            betas = (spec.beta1, spec.beta2)
            return torch.optim.Adam([parameters], spec.lr, betas, spec.eps, decay)
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
