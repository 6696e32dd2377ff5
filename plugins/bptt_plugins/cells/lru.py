"""Linear recurrent unit: a complex or real number per unit that rotates and decays."""

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, cos, exp, sin
from torch.nn.functional import gelu

from bptt.contracts import Ge, Gt, Le, Lt, PointwiseCell

NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {
    # the default of the paper's library
    "gelu": lambda a: gelu(a, approximate="tanh"),
    "identity": lambda a: a,
}


class LRU(PointwiseCell):
    """s = lambda s + gamma (B x + b), y = phi(Re s + D x + d): s, lambda and B are complex.

    Linear recurrent unit, Orvieto et al. 2023 (arXiv 2303.06349): lambda = exp(-exp(nu) + i
    exp(theta)), initially uniform on a ring of the unit disc, gamma = exp(log gamma), initially
    sqrt(1 - |lambda|^2); one lambda per unit and no recurrent weights. Over k steps back the
    gradient of s is multiplied by exactly |lambda|^k, and |lambda| < 1 whatever is learnt: it
    vanishes as slowly as desired and never explodes.

    Deviations: the paper's y = Re(C s) + D x mixes the units with a complex C, and its network adds
    GELU, a gated linear unit and a skip connection after it. A step here is pointwise, so phi
    comes first and the mixing is left to the weights that read y, the next layer's or the
    read-out's. They see only Re s. With phi = identity the only loss is width: H units with
    a complex C are 2 H units here, the second half of which hold -i s. The skip connection is
    `model.skip`. The paper has no biases: `biases: 0`. The state y feeds nothing back; it makes
    every step Jacobian singular, so the sum of the Lyapunov exponents is -infinity.

    With `eigenvalues: signed` lambda is real, 2 exp(-exp(nu)) - 1 in (-1, 1): the range that Grazzi
    et al. 2024 (arXiv 2411.12537) give linear networks, which with `positive`, exp(-exp(nu)), do
    not learn parity. It begins uniform in [r_min, r_max], and below 0 as often as above if signed;
    a unit has one state s beside y, and one B, of N(0, 1/input).

    Args:
        eigenvalues: what lambda may be.
        nonlinearity: phi; with `identity` any number of layers is one linear map of the input.
        r_min: least initial |lambda|, not above `r_max`.
        r_max: largest initial |lambda|; near 1 for long dependencies.
        phi_max: largest initial angle of lambda; small for long dependencies.
        input_std: draw the weights of B and D from N(0, input_std^2) instead of N(0, 1/(2 input))
            for each part of B and N(0, 1/input) for D.
    """

    states = ("y", "re", "im")
    preactivations = {"b_re": "x", "b_im": "x", "d": "x"}
    # the first two are drawn as the u of the paper, which `reset_parameters` turns into
    # positions on the ring
    vectors = {"nu": (0.0, 1.0), "theta": (0.0, 1.0), "log_gamma": (0.0, 0.0)}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        eigenvalues: Literal["complex", "signed", "positive"] = "complex",
        nonlinearity: Literal["gelu", "identity"] = "gelu",
        r_min: Annotated[float, Ge(0), Lt(1)] = 0.0,
        r_max: Annotated[float, Gt(0), Le(1)] = 1.0,
        phi_max: Annotated[float, Gt(0), Le(math.tau)] = 6.28,
        **framework: Any,
    ) -> None:
        if r_min > r_max:
            raise ValueError(f"r_min must not be above r_max = {r_max:g}, got {r_min:g}")
        if eigenvalues != "complex":
            if phi_max != 6.28:
                raise ValueError(f"phi_max needs eigenvalues = complex, got {eigenvalues}")
            vectors = {name: bounds for name, bounds in self.vectors.items() if name != "theta"}
            self.declare(states=("y", "s"), preactivations={"b": "x", "d": "x"}, vectors=vectors)
        self.eigenvalues = eigenvalues
        self.r_min, self.r_max, self.phi_max = r_min, r_max, phi_max
        super().__init__(input_size, hidden_size, **framework)
        self.nonlinearity = nonlinearity

    def step(self, d: Tensor, nu: Tensor, log_gamma: Tensor, **named: Tensor) -> tuple[Tensor, ...]:
        phi = NONLINEARITIES[self.nonlinearity]
        if self.eigenvalues != "complex":
            decay, gamma = exp(-exp(nu)), exp(log_gamma)
            eigenvalue = 2 * decay - 1 if self.eigenvalues == "signed" else decay
            s = eigenvalue * named["s"] + gamma * named["b"]
            return phi(s + d), s
        b_re, b_im, re, im = (named[name] for name in ("b_re", "b_im", "re", "im"))
        decay, angle, gamma = exp(-exp(nu)), exp(named["theta"]), exp(log_gamma)
        lambda_re, lambda_im = decay * cos(angle), decay * sin(angle)
        new_re = lambda_re * re - lambda_im * im + gamma * b_re
        new_im = lambda_re * im + lambda_im * re + gamma * b_im
        return phi(new_re + d), new_re, new_im

    def reset_parameters(self, horizon: int) -> None:
        super().reset_parameters(horizon)
        with torch.no_grad():
            # the end points would be -infinity
            u = self.vector["nu"].double().clamp(1e-8, 1 - 1e-8)
            if self.eigenvalues == "complex":
                # lemma 3.2: |lambda|^2 is uniform if lambda is
                squared = self.r_min**2 + u * (self.r_max**2 - self.r_min**2)
                squared = squared.clamp(1e-12, 1 - 1e-12)
                log_decay = 0.5 * squared.log()
                v = self.vector["theta"].double().clamp(1e-8, 1 - 1e-8)
                self.vector["theta"].copy_((self.phi_max * v).log())
            else:
                eigenvalue = self._drawn(u)
                squared = eigenvalue.square().clamp(max=1 - 1e-12)
                positive = self.eigenvalues == "positive"
                log_decay = (eigenvalue if positive else (1 + eigenvalue) / 2).log()
            self.vector["nu"].copy_((-log_decay).log())
            self.vector["log_gamma"].copy_(0.5 * (1 - squared).log())
            if self.input_std is None:
                parts = {"b_re": 2, "b_im": 2, "b": 1, "d": 1}
                for name, block in self.split(self.input_weight, self.input_fed).items():
                    block.normal_(0.0, (parts[name] * self.input_size) ** -0.5)

    def _drawn(self, u: Tensor) -> Tensor:
        """Return real eigenvalues (hidden,) for numbers between 0 and 1."""
        signed = self.eigenvalues == "signed"
        size = (2 * u - 1).abs() if signed else u
        drawn = (self.r_min + size * (self.r_max - self.r_min)).clamp(1e-12, 1 - 1e-12)
        return torch.where(u < 0.5, -drawn, drawn) if signed else drawn
