"""How much of the loss's gradient reaches the input of every time step."""

from typing import cast

from torch import Tensor

from bptt.measuring.probed import Probed, Taken
from bptt.measuring.table import INPUT_FLOW, INPUT_RATIO
from bptt.norms import frobenius_norm


def input_flow(probed: Probed) -> Taken:
    """Return norm(dL/dx_t) of what the first layer reads, (time,), and how it decays."""
    gradient = cast(Tensor, probed.forward.to_inputs)
    if windows := probed.model.windows(probed.batch):
        gradient = windows.add_up(gradient)
    norms = frobenius_norm(gradient, kept_axes=1)
    return {INPUT_RATIO.key: float((norms[0] / norms[-1]).log10())}, {INPUT_FLOW.key: norms}
