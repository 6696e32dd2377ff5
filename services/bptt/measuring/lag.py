"""How the gradient of one prediction's loss fades with the distance it is followed back."""

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from bptt.measuring.flow import flow_curves


def lag_curves(
    losses: Sequence[Tensor],
    anchors: Sequence[int],
    states: Mapping[str, Sequence[Tensor]],
    *,
    against_time: Collection[str] = (),
    retain_graph: bool = False,
) -> dict[str, Tensor]:
    """Return the norm of dL_t/ds_{t-k} for each anchor t and lag k, one backward pass an anchor.

    Args:
        losses: the loss at each anchor, tensors without axes.
        anchors: position t of each loss in the sequence, from 0.
        states: per name the state at each position, (batch, hidden), as the graph's own nodes.
        against_time: names of those lists whose cell reads the sequence backwards; its past lies
            at later positions, so that for them lag k means s_{t+k}.
        retain_graph: keep the graph for another backward pass.

    Returns:
        Per name (anchors, time) float64; NaN where t - k is no position of the sequence, 0 where
        the loss does not depend on the state.
    """
    curves = {
        name: torch.full((len(anchors), len(steps)), torch.nan, dtype=torch.float64)
        for name, steps in states.items()
    }
    for row, (loss, t) in enumerate(zip(losses, anchors, strict=True)):
        past = {
            name: steps[t:] if name in against_time else steps[t::-1]
            for name, steps in states.items()
        }
        kept = retain_graph or row + 1 < len(anchors)
        for name, norms in flow_curves(loss, past, retain_graph=kept).items():
            curves[name][row, : len(norms)] = norms
    return curves


def mean_lag_curve(curves: Tensor, anchors: Sequence[int], *, against_time: bool = False) -> Tensor:
    """Return the mean over the anchors that have a state at each lag, (lags,) float64.

    It ends at the largest lag any anchor has. A NaN gradient of one anchor makes the mean NaN.

    Args:
        curves: (anchors, time), one entry of what `lag_curves` returned.
        anchors: the positions given to it.
        against_time: whether the cell of these states reads the sequence backwards.
    """
    time = curves.shape[1]
    farthest = torch.tensor([time - 1 - t if against_time else t for t in anchors])
    reached = torch.arange(int(farthest.max()) + 1) <= farthest.unsqueeze(1)
    present = torch.where(reached, curves[:, : reached.shape[1]], 0.0)
    return present.sum(0) / reached.sum(0)
