"""How recurrent blocks and gate biases are initialised, in place, from torch's generator."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bptt.contracts.cell import GateRole


def fill_recurrent(
    block: Float[Tensor, "hidden hidden"],
    scheme: Literal["uniform", "gaussian", "orthogonal", "identity"],
    gain: float,
    spectral_radius: float | None,
) -> None:
    """Fill a (hidden, hidden) block by `scheme`, times `gain`, then rescale its spectrum.

    `uniform` U(+-1/sqrt(hidden)) has spectral radius 1/sqrt(3) on average, which is why a plain
    RNN at torch's default vanishes (Pascanu, Mikolov & Bengio 2013, section 2).
    """
    hidden = block.shape[0]
    # a view of a packed weight is not contiguous, and nn.init.orthogonal_ writes a new tensor
    drawn = torch.empty(hidden, hidden, dtype=block.dtype)
    match scheme:
        case "uniform":
            drawn.uniform_(-(hidden**-0.5), hidden**-0.5)
        case "gaussian":
            drawn.normal_(0.0, hidden**-0.5)
        case "orthogonal":
            nn.init.orthogonal_(drawn)
        case "identity":
            nn.init.eye_(drawn)
    drawn *= gain
    if spectral_radius is not None:
        radius = torch.linalg.eigvals(drawn.double()).abs().max().item()
        drawn *= spectral_radius / radius
    block.copy_(drawn)


def gate_bias(bias: float | str | None, hidden: int, horizon: int) -> Float[Tensor, "{hidden}"]:
    """Return the (hidden,) bias of a keep gate: a constant, or `chrono` drawn for `horizon`.

    chrono: log U(1, horizon - 1), so that the timescales of the units spread over the horizon
    (Tallec & Ollivier 2018, equation 16).
    """
    if bias == "chrono":
        return torch.empty(hidden).uniform_(1.0, max(horizon - 1, 1.0 + 1e-6)).log()
    return torch.full((hidden,), float(bias or 0.0))


def bias_gates(
    gates: Mapping[str, GateRole],
    biases: Sequence[Mapping[str, Float[Tensor, "hidden"]]],
    keeping: Float[Tensor, "hidden"],
    closes_input: bool,
) -> None:
    """Bias every gate that keeps by `keeping`, and by its negative those that write.

    Args:
        gates: role of each.
        biases: of gates, in place; a gate that has two gets the first, and zeros.
        keeping: what `gate_bias` returns.
        closes_input: bias gates that write although others keep; else only if none does.
    """
    writes_too = closes_input or "keep" not in gates.values()
    for gate, role in gates.items():
        if role != "keep" and not (role == "write" and writes_too):
            continue
        total = keeping if role == "keep" else -keeping
        for number, bias in enumerate(named[gate] for named in biases if gate in named):
            bias.copy_(total) if number == 0 else bias.zero_()
