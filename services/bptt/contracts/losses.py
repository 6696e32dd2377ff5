"""The losses that the framework knows, and their derivatives."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

KnownLoss = Literal["cross_entropy", "squared_error"]


def class_losses(
    outputs: Float[Tensor, "*axes classes"],
    targets: Shaped[Tensor, "..."],
    weights: Sequence[float] | None = None,
) -> Float[Tensor, "*axes"]:
    """Return the cross-entropy in nats of every prediction, in the shape of `targets`.

    Args:
        outputs: logits (..., classes).
        targets: (...) int64.
        weights: factor on the loss of each class.

    Raises:
        ValueError: shapes do not fit together.
        IndexError: a target is no class.
    """
    _check_shapes(outputs, targets)
    check_classes(targets, outputs.shape[-1])
    losses = F.cross_entropy(
        outputs.flatten(0, -2),
        targets.flatten(),
        weight=_factors(outputs, weights),
        reduction="none",
    )
    return losses.view(targets.shape)


def class_loss_gradients(
    outputs: Float[Tensor, "*axes classes"],
    targets: Shaped[Tensor, "..."],
    weights: Sequence[float] | None = None,
) -> tuple[Float[Tensor, "*axes"], Float[Tensor, "*axes classes"]]:
    """Return `class_losses` and their derivative by the logits, softmax - one-hot.

    Args:
        outputs: logits (..., classes).
        targets: (...) int64.
        weights: factor on the loss of each class.

    Raises:
        ValueError: shapes do not fit together.
        IndexError: a target is no class.
    """
    _check_shapes(outputs, targets)
    check_classes(targets, outputs.shape[-1])
    chosen = targets.unsqueeze(-1)
    log_shares = outputs.log_softmax(-1)
    losses = -log_shares.gather(-1, chosen)
    gradients = log_shares.exp_().scatter_add_(
        -1, chosen, outputs.new_tensor(-1.0).expand(chosen.shape)
    )
    factors = _factors(outputs, weights)
    if factors is not None:
        factors = factors[chosen]
        losses, gradients = losses * factors, gradients * factors
    return losses.squeeze(-1), gradients


def squared_errors(
    outputs: Float[Tensor, "*axes outputs"], targets: Shaped[Tensor, "..."]
) -> Float[Tensor, "*axes"]:
    """Return the squared error of every prediction, in the shape of `targets`.

    Args:
        outputs: predictions (..., 1).
        targets: (...) what was to be predicted.

    Raises:
        ValueError: shapes do not fit together.
    """
    _check_one(outputs)
    _check_shapes(outputs, targets)
    return F.mse_loss(outputs.squeeze(-1), targets, reduction="none")


def squared_error_gradients(
    outputs: Float[Tensor, "*axes outputs"], targets: Shaped[Tensor, "..."]
) -> tuple[Float[Tensor, "*axes"], Float[Tensor, "*axes 1"]]:
    """Return `squared_errors` and their derivative by the predictions.

    Args:
        outputs: predictions (..., 1).
        targets: (...) what was to be predicted.

    Raises:
        ValueError: shapes do not fit together.
    """
    _check_one(outputs)
    _check_shapes(outputs, targets)
    errors = outputs.squeeze(-1) - targets
    return errors * errors, (2 * errors).unsqueeze(-1)


def check_classes(targets: Shaped[Tensor, "..."], classes: int) -> None:
    """Check that targets are classes.

    Raises:
        IndexError: one is not.
    """
    if targets.numel() and not 0 <= int(targets.min()) <= int(targets.max()) < classes:
        low, high = int(targets.min()), int(targets.max())
        raise IndexError(f"targets must be classes 0 .. {classes - 1}, got {low} .. {high}")


def _check_shapes(outputs: Tensor, targets: Tensor) -> None:
    if outputs.shape[:-1] != targets.shape:
        raise ValueError(
            f"targets must be {tuple(outputs.shape[:-1])} for outputs of {tuple(outputs.shape)}, "
            f"got {tuple(targets.shape)}"
        )


def _check_one(outputs: Tensor) -> None:
    if outputs.shape[-1] != 1:
        raise ValueError(f"a squared error needs exactly 1 output, got {outputs.shape[-1]}")


def _factors(outputs: Tensor, weights: Sequence[float] | None) -> Tensor | None:
    if weights is None:
        return None
    if len(weights) != outputs.shape[-1]:
        raise ValueError(
            f"class_weights must be one for each of {outputs.shape[-1]} classes, got {len(weights)}"
        )
    return torch.as_tensor(weights, dtype=outputs.dtype)
