"""How the gradient of one prediction's loss fades with the distance it is followed back."""

from collections.abc import Sequence

import torch
from torch import Tensor


def mean_lag_curve(curves: Tensor, anchors: Sequence[int]) -> Tensor:
    """Return the mean over the anchors that have a state at each lag, (lags,) float64.

    It ends at the largest lag any anchor has. A NaN gradient of one anchor makes the mean NaN.

    Args:
        curves: (anchors, time), the norm of dL_t/ds_{t-k} for each anchor t and lag k, of a cell
            that reads the sequence forwards.
        anchors: position t of each loss in the sequence, from 0.
    """
    farthest = torch.tensor(anchors)
    reached = torch.arange(int(farthest.max()) + 1) <= farthest.unsqueeze(1)
    present = torch.where(reached, curves[:, : reached.shape[1]], 0.0)
    return present.sum(0) / reached.sum(0)
