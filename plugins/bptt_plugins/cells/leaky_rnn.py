"""Leaky firing-rate network, of excitatory and inhibitory units if desired."""

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, relu, tanh

from bptt.contracts import Ge, Gt, Le, Lt, PointwiseCell

NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {"relu": relu, "tanh": tanh}


class LeakyRNN(PointwiseCell):
    """v = (1 - alpha) v + alpha (W r + W_in x + b), r = phi(v): Euler's method for firing rates.

    Song, Yang & Wang 2016 (doi 10.1371/journal.pcbi.1004792), equations 1 and 2 in discrete time;
    v also gains sqrt(2 alpha) `noise` N(0, 1) at each step. alpha is a step over the time constant
    of the units. With `excitatory`, units obey Dale's principle: W = [M]_+ D with
    D = diag(1, .., 1, -1, .., -1), so that each column of W has one sign. M begins as the absolute
    values of what is drawn, and inhibitory columns are scaled so that a row of W sums to 0 on
    average; `spectral_radius` is that of W. The authors' code (pycog) draws M from a gamma
    distribution of shape 2 and begins with a radius of 1.5. Input and read-out weights, which the
    paper constrains too, may have any sign.

    Args:
        alpha: share of the potential that is renewed in a step.
        nonlinearity: phi.
        self_connections: with the diagonal of W; the paper leaves it out.
        excitatory: share of units, the first ones, that excite; the paper takes 0.8. Without it
            weights have any sign.
        noise: standard deviation of the recurrent noise, in evaluations as well, where it is the
            same each time.
    """

    states = ("r", "v")
    preactivations = {"a": "x+h"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        alpha: Annotated[float, Gt(0), Le(1)] = 0.2,
        nonlinearity: Literal["relu", "tanh"] = "relu",
        self_connections: bool = True,
        excitatory: Annotated[float, Gt(0), Lt(1)] | None = None,
        noise: Annotated[float, Ge(0), Le(1e3)] = 0.0,
        **framework: Any,
    ) -> None:
        if excitatory is not None and nonlinearity != "relu":
            raise ValueError(
                "excitatory needs nonlinearity = relu, since a rate below 0 turns a unit's sign, "
                f"got {nonlinearity}"
            )
        if not self_connections and hidden_size == 1:
            raise ValueError("self_connections must be true for hidden_size = 1, got false")
        if not self_connections and framework.get("recurrent_init") == "identity":
            raise ValueError(
                "recurrent_init identity is nothing but a diagonal, which self_connections = false "
                "leaves out"
            )
        self.self_connections = self_connections
        self.exciting = None if excitatory is None else round(excitatory * hidden_size)
        if self.exciting in (0, hidden_size):
            raise ValueError(
                f"excitatory = {excitatory:g} of hidden_size = {hidden_size} units leaves no "
                f"{'excitatory' if self.exciting == 0 else 'inhibitory'} unit"
            )
        super().__init__(input_size, hidden_size, **framework)
        self.alpha, self.nonlinearity, self.noise = alpha, nonlinearity, noise

    def recurrent(self, name: str, block: Tensor) -> Tensor:
        if self.exciting is not None:
            # steps compute r @ block: its rows are the columns of the paper's W
            sign = torch.ones_like(block[:, :1])
            sign[self.exciting :] = -1.0
            block = relu(block) * sign
        if not self.self_connections:
            diagonal = torch.eye(len(block), dtype=torch.bool, device=block.device)
            block = block.masked_fill(diagonal, 0.0)
        return block

    def step(self, a: Tensor, r: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        v = v + self.alpha * (a - v)
        if self.noise:
            v = v + math.sqrt(2 * self.alpha) * self.noise * self.normal("v")
        return NONLINEARITIES[self.nonlinearity](v), v

    def reset_parameters(self, horizon: int) -> None:
        super().reset_parameters(horizon)
        if self.exciting is None and self.self_connections:
            return
        with torch.no_grad():
            block = self.recurrent_weight
            if self.exciting is not None:
                block.abs_()
                block[self.exciting :].mul_(self.exciting / (self.hidden_size - self.exciting))
            if self.spectral_radius is not None:
                used = self.recurrent("a", block.double())
                radius = torch.linalg.eigvals(used).abs().max().item()
                block.mul_(self.spectral_radius / radius)
