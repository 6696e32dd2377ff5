"""How large the parameters of each layer are, and their gradients."""

from bptt.measuring.probed import Probed, Taken
from bptt.measuring.table import LAYER_GRAD_NORM, LAYER_WEIGHT_NORM
from bptt.network.divergence import readable
from bptt.norms import group_norms


def layer_norms(probed: Probed) -> Taken:
    """Return the 2-norm of each layer's gradients and parameters; no arrays."""
    parameters = probed.parameters
    group_of = {name: _layer(name) for name in parameters.named}
    metrics: dict[str, float] = {}
    for row, tensors in (
        (LAYER_GRAD_NORM, parameters.gradients),
        (LAYER_WEIGHT_NORM, parameters.values),
    ):
        norms = group_norms(tensors, group_of.__getitem__)
        metrics |= {row.named(layer): norm for layer, norm in norms.items()}
    return metrics, {}


def _layer(parameter: str) -> str:
    name = readable(parameter)
    return name.split(" of layer ")[1].split()[0] if " of layer " in name else name.split(".")[0]
