"""What the gates of a cell do: open, closed, and for how long they keep."""

import torch
from torch import Tensor

from bptt.contracts import GateRole

CLOSED = 0.1
OPEN = 0.9


def gate_statistics(values: Tensor) -> Tensor:
    """Return mean, fraction below 0.1 and fraction above 0.9 of a gate's values, (3,) float64.

    `values` in [0, 1] may have any axes. All three are NaN if one value is, or there is none.
    """
    values = values.detach().double()
    mean = values.mean()
    closed, opened = torch.count_nonzero(values < CLOSED), torch.count_nonzero(values > OPEN)
    found = torch.stack([mean, closed, opened])
    found[1:] /= values.numel()
    return found + 0 * mean


def keep_value(values: Tensor, role: GateRole) -> Tensor:
    """Return a gate's values so that 1 means the old state is kept, whatever the paper's sign.

    A `keep` gate as it is, a `write` gate as 1 - value. `read` and `reset` gates say nothing of
    keeping and come back as they are.
    """
    return 1 - values if role == "write" else values


def keep_timescale(values: Tensor) -> float:
    """Return -1 / ln(mean of `values`): steps in which a gate that keeps so much forgets 1 - 1/e.

    Infinity for a mean of 1, 0 for a mean of 0 (Tallec & Ollivier 2018).

    Args:
        values: values in [0, 1] of a gate with role `keep`, or what `keep_value` returned.
    """
    # the logarithm of 1 is +0, whose negative inverse would be -infinity
    return float(1 / values.detach().double().mean().log().abs())
