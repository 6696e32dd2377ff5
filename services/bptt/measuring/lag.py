"""How the gradient of one prediction's loss fades with the distance it is traced back."""

import torch
from torch import Tensor

from bptt.batches import scored
from bptt.errors import ContractViolation
from bptt.measuring.lag_curves import scalars_of
from bptt.measuring.probed import CALLED, Probed, Taken
from bptt.measuring.table import ANCHORS, LAG


def lag(probed: Probed) -> Taken:
    """Return norm(dL_t/ds_(t-k)) of every state, (anchors, time) each, and what they come to."""
    reads_every = probed.task.reads == "every"
    arrays = _of_each_anchor(probed) if reads_every else _of_the_last_step(probed)
    return scalars_of({name: values.numpy() for name, values in arrays.items()}), arrays


def _of_the_last_step(probed: Probed) -> dict[str, Tensor]:
    """Turn norms by position into norms by lag from the one loss."""
    time = probed.batch.inputs.shape[0]
    arrays = {ANCHORS.key: torch.tensor([time - 1.0], dtype=torch.float64)}
    for cell in probed.cells:
        for state, norms in cell.flow().items():
            by_lag = norms if cell.direction == "backward" else norms.flip(0)
            arrays[cell.key(LAG, state)] = by_lag.unsqueeze(0)
    return arrays


def _of_each_anchor(probed: Probed) -> dict[str, Tensor]:
    """Follow the losses of some positions back, one backward pass each."""
    batch = probed.batch
    forward = probed.model(batch)
    windows = probed.model.windows(batch)
    cells = probed.cells_of(forward.layers)
    losses = scored.losses(probed.task, forward.outputs, batch, CALLED)
    counts = torch.ones_like(losses) if batch.mask is None else batch.mask.double()
    anchors = _anchors(probed, counts)
    weights = [p for p in probed.model.parameters() if p.numel() > 0]
    time = batch.inputs.shape[0]
    arrays = {ANCHORS.key: torch.tensor(anchors, dtype=torch.float64)}
    for row, t in enumerate(anchors):
        for cell in cells:
            cell.unrolled.forget_norms()
        loss = torch.where(counts[t] > 0, losses[t], 0.0).sum() / counts[t].sum()
        # the norms come for free; a graph without any weight has none
        torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
        for cell in cells:
            for state, norms in cell.flow().items():
                empty = torch.full((len(anchors), time), torch.nan, dtype=torch.float64)
                # what a backward cell has seen is at later positions
                if cell.direction == "backward":
                    past = norms[t:]
                else:
                    seen = t + 1 - (windows.first_step(t) if windows else 0)
                    past = norms[:seen].flip(0)
                arrays.setdefault(cell.key(LAG, state), empty)[row, : len(past)] = past
    return arrays


def _anchors(probed: Probed, counts: Tensor) -> list[int]:
    """Return the positions whose losses are traced back, spread over those that count.

    Raises:
        ContractViolation: none of them counts.
    """
    counted = counts.sum(1).nonzero().flatten()
    if not len(counted):
        raise ContractViolation(
            f"{type(probed.task).__name__}.sample must mark positions that count in the loss; "
            "its mask has none."
        )
    spread = torch.linspace(0, len(counted) - 1, min(probed.spec.anchors, len(counted)))
    positions: list[int] = counted[spread.round().long()].tolist()
    return positions
