"""The losses that the framework knows, and their derivatives."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

KnownLoss = Literal["cross_entropy", "squared_error"]


def class_losses(
    outputs: Tensor, targets: Tensor, weights: Sequence[float] | None = None
) -> Tensor:
    """Return the cross-entropy in nats of every prediction, in the shape of `targets`.

    Args:
        outputs: logits (..., classes).
        targets: (...) int64.
        weights: factor on the loss of each class.
    """
    losses = F.cross_entropy(
        outputs.flatten(0, -2),
        targets.flatten(),
        weight=None if weights is None else outputs.new_tensor(weights),
        reduction="none",
    )
    return losses.view(targets.shape)


def class_loss_gradients(
    outputs: Tensor, targets: Tensor, weights: Sequence[float] | None = None
) -> tuple[Tensor, Tensor]:
    """Return `class_losses` and their derivative by the logits, softmax - one-hot.

    Args:
        outputs: logits (..., classes).
        targets: (...) int64.
        weights: factor on the loss of each class.
    """
    chosen = targets.unsqueeze(-1)
    log_shares = outputs.log_softmax(-1)
    losses = -log_shares.gather(-1, chosen)
    gradients = log_shares.exp_().scatter_add_(
        -1, chosen, outputs.new_tensor(-1.0).expand(chosen.shape)
    )
    if weights is not None:
        factors = outputs.new_tensor(weights)[chosen]
        losses, gradients = losses * factors, gradients * factors
    return losses.squeeze(-1), gradients


def squared_errors(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the squared error of every prediction, in the shape of `targets`.

    Args:
        outputs: predictions (..., 1).
        targets: (...) what was to be predicted.
    """
    return F.mse_loss(outputs.squeeze(-1), targets, reduction="none")


def squared_error_gradients(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return `squared_errors` and their derivative by the predictions.

    Args:
        outputs: predictions (..., 1).
        targets: (...) what was to be predicted.
    """
    errors = outputs.squeeze(-1) - targets
    return errors * errors, (2 * errors).unsqueeze(-1)
