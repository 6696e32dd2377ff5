"""Where the first NaN or infinity is, by a name that people can use."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from bptt.network.model import Forward, Model


def locate_in_forward(model: Model, forward: Forward) -> str:
    """Name the first non-finite tensor of a pass whose loss is not finite."""
    for number, (layer, built) in enumerate(
        zip(forward.whole or forward.layers, model.stack.each_layer(), strict=True)
    ):
        for direction, unrolled in layer.items():
            names = built.by_direction()[direction].states
            # (time, states): which steps of which states are finite in every sequence
            finite = torch.stack([s.isfinite().flatten(1).all(1) for s in unrolled.states], dim=1)
            for t, name in (~finite).nonzero().tolist():
                return f"state {names[name]} of layer {number} ({direction}) at t = {t}"
    if not bool(torch.isfinite(forward.outputs).all()):
        return "outputs of the read-out"
    return "loss"


def locate_gradient(gradients: Mapping[str, Tensor]) -> str:
    """Name the first non-finite gradient."""
    return f"gradient of {first_nonfinite(gradients.items())}"


def first_nonfinite(named: Iterable[tuple[str, Tensor]]) -> str:
    """Return the name of the first tensor with a NaN or an infinity."""
    found = (name for name, tensor in named if not bool(torch.isfinite(tensor).all()))
    return readable(next(found, "none"))


def readable(parameter: str) -> str:
    """Return `input_weight of layer 0 (forward)` for `stack.layers.0.cells.0.input_weight`."""
    parts = parameter.split(".")
    if parts[:2] == ["stack", "layers"] and len(parts) > 5:
        direction = ("forward", "backward")[int(parts[4])]
        return f"{'.'.join(parts[5:])} of layer {parts[2]} ({direction})"
    return parameter
