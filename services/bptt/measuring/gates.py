"""What the gates of a cell do: how far open, how far closed, and how long they keep."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from bptt.contracts import GateRole
from bptt.measuring.cell_at_work import CellAtWork
from bptt.measuring.probed import Probed, Taken
from bptt.measuring.table import GATE, GATE_MEAN, GATE_SATURATED, KEEP_MEAN, KEEP_TIMESCALE

CLOSED = 0.1
OPEN = 0.9


def gates(probed: Probed) -> Taken:
    """Return mean, fraction < 0.1 and fraction > 0.9 of each gate, (3,), and what the top keeps."""
    arrays = {
        cell.key(GATE, gate): found
        for cell in probed.cells
        for gate, found in _gates_of(cell).items()
    }
    metrics: dict[str, float] = {}
    top = probed.top
    for gate, role in top.cell.gates.items():
        if top.key(GATE, gate) in arrays:
            mean, closed, opened = arrays[top.key(GATE, gate)].tolist()
            metrics |= {GATE_MEAN.named(gate): mean, GATE_SATURATED.named(gate): closed + opened}
            if role == "keep" or (role == "write" and "keep" not in top.cell.gates.values()):
                kept = keep_value(torch.tensor(mean, dtype=torch.float64), role)
                metrics |= {
                    KEEP_MEAN.key: float(kept),
                    KEEP_TIMESCALE.key: keep_timescale(kept),
                }
    return metrics, arrays


def _gates_of(cell: CellAtWork) -> dict[str, Tensor]:
    if not cell.cell.gates:
        return {}
    x, states = cell.unrolled.inputs, cell.states_before
    time, batch = x.shape[:2]
    t, sequences = torch.arange(time).repeat_interleave(batch), torch.arange(batch).repeat(time)
    with torch.no_grad(), cell.drawing(t, sequences):
        values = cell.cell.gate_values(
            x.flatten(end_dim=1), tuple(s.flatten(end_dim=1) for s in states)
        )
    return {name: gate_statistics(value) for name, value in values.items()}


def gate_statistics(values: Float[Tensor, "..."]) -> Float64[Tensor, "3"]:
    """Return mean, fraction below 0.1 and fraction above 0.9 of a gate's values, (3,) float64.

    `values` in [0, 1] may have any axes. All three are NaN if one value is, or there is none.
    """
    values = values.detach().double()
    mean = values.mean()
    closed, opened = torch.count_nonzero(values < CLOSED), torch.count_nonzero(values > OPEN)
    found = torch.stack([mean, closed, opened])
    found[1:] /= values.numel()
    return found + 0 * mean


def keep_value(values: Float[Tensor, "*axes"], role: GateRole) -> Float[Tensor, "*axes"]:
    """Return a gate's values so that 1 means the old state is kept, whatever the paper's sign.

    A `keep` gate unchanged, a `write` gate as 1 - value. `read` and `reset` gates say nothing about
    keeping and are returned unchanged.
    """
    return 1 - values if role == "write" else values


def keep_timescale(values: Float[Tensor, "..."]) -> float:
    """Return -1 / ln(mean of `values`): steps in which a gate keeping that much forgets 1 - 1/e.

    Infinity for a mean of 1, 0 for a mean of 0 (Tallec & Ollivier 2018).

    Args:
        values: values in [0, 1] of a gate with role `keep`, or what `keep_value` returned.
    """
    # the logarithm of 1 is +0, whose negative inverse would be -infinity
    return float(1 / values.detach().double().mean().log().abs())
