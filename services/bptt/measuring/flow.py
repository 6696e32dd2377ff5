"""How much of a loss's gradient reaches the state of every time step."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bptt.norms import frobenius_norm


def state_gradient_norms(
    loss: Tensor, states: Sequence[Tensor], *, retain_graph: bool = False
) -> Tensor:
    """Return the norm of dL/ds_t for each of `states`, (time,) float64; see `flow_curves`."""
    return flow_curves(loss, {"": states}, retain_graph=retain_graph)[""]


def flow_curves(
    loss: Tensor, states: Mapping[str, Sequence[Tensor]], *, retain_graph: bool = False
) -> dict[str, Tensor]:
    """Return the norm of the total dL/ds_t for several lists of states, with one backward pass.

    Total means through everything computed from s_t: all later steps, all layers above, and for
    the memory c_t of an LSTM also the output h_t of its own step, as `retain_grad` has it.

    Args:
        loss: tensor without axes, whose graph holds the states.
        states: per name the state of each step, (batch, hidden) each, as the graph's own nodes.
        retain_graph: keep the graph for another backward pass.

    Returns:
        Per name (time,) float64 Frobenius norms over batch and features; 0 for a state the loss
        does not depend on.
    """
    nodes = [state for steps in states.values() for state in steps]
    found = torch.autograd.grad(
        loss, nodes, retain_graph=retain_graph, allow_unused=True, materialize_grads=True
    )
    curves, start = {}, 0
    for name, steps in states.items():
        gradients = found[start : start + len(steps)]
        curves[name] = frobenius_norm(torch.stack(gradients), kept_axes=1)
        start += len(steps)
    return curves
