"""What the tasks whose targets are classes have in common."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


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


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the share of predictions whose largest logit is the target's, without axes."""
    return (outputs.argmax(-1) == targets).to(outputs.dtype).mean()
