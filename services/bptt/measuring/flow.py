"""How much of the loss's gradient reaches the state of every time step."""

from typing import cast

import torch
from torch import Tensor

from bptt.kernels.autograd import StepByStep
from bptt.measuring.probed import CALLED, Probed, Taken
from bptt.measuring.table import FLOW, SUBNORMAL
from bptt.network.model import mean_loss
from bptt.network.overlap import Overlap
from bptt.norms import frobenius_norm

FLOAT32_TINY = torch.finfo(torch.float32).tiny
"""Smallest normal float32: training flushes anything below to zero."""


def flow(probed: Probed) -> Taken:
    """Return norm(dL/ds_t) of every state, (time,) each, and how many float32 cannot represent."""
    if probed.forward.whole:
        arrays = _over_windows(probed)
    else:
        arrays = {
            cell.key(FLOW, state): norms
            for cell in probed.cells
            for state, norms in cell.flow().items()
        }
    vanished = torch.cat(list(arrays.values()))
    vanished = (vanished > 0) & (vanished < FLOAT32_TINY)
    return {SUBNORMAL.key: float(vanished.sum())}, arrays


def _over_windows(probed: Probed) -> dict[str, Tensor]:
    """Return the norm of dL/ds_t, summed over all windows that contain s_t."""
    forward = probed.model(probed.batch)
    windows = cast(Overlap, probed.model.windows(probed.batch))
    loss = mean_loss(probed.task, forward.outputs, probed.batch, CALLED)
    arrays = {}
    for cell in probed.cells:
        # what autograd runs has a node for each state
        did = cast(StepByStep, forward.layers[cell.layer][cell.direction])
        for index, state in enumerate(cell.cell.states):
            to = torch.autograd.grad(
                loss, did.states_of(index), retain_graph=True, materialize_grads=True
            )
            total = windows.add_up(torch.stack(to))
            arrays[cell.key(FLOW, state)] = frobenius_norm(total, kept_axes=1)
    return arrays
