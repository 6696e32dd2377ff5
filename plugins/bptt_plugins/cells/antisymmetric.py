"""Recurrent network with an antisymmetric matrix."""

from typing import Annotated, Any

import torch
from torch import Tensor, sigmoid, tanh

from bptt.contracts import Ge, Gt, Le, PointwiseCell


class Antisymmetric(PointwiseCell):
    """h = h + epsilon z tanh((W - W^T - gamma I) h + V x + b): a stable differential equation.

    AntisymmetricRNN, Chang, Chen, Haber & Chi 2019 (arXiv 1902.09689), equations 9 to 12: the
    eigenvalues of W - W^T are imaginary, so its Jacobian is near an orthogonal matrix for small
    epsilon and gamma. Without `gated`, z = 1. The gate z = sigma((W - W^T - gamma I) h + V_z x +
    b_z) reads the state through the same matrix. It scales what is added and keeps nothing back, so
    it is no gate to the statistics. The paper draws W by `recurrent_init: gaussian`.

    Args:
        epsilon: size of a step.
        gamma: diffusion, which keeps the eigenvalues left of the imaginary axis.
        gated: with the gate z.
    """

    states = ("h",)
    preactivations = {"a": "x+h"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        epsilon: Annotated[float, Gt(0), Le(1)] = 0.01,
        gamma: Annotated[float, Ge(0), Le(10)] = 0.01,
        gated: bool = False,
        **framework: Any,
    ) -> None:
        if gated:
            self.declare(preactivations={"a": "x", "z": "x"}, products=("h",))
        super().__init__(input_size, hidden_size, **framework)
        self.epsilon, self.gamma, self.gated = epsilon, gamma, gated

    def recurrent(self, name: str, block: Tensor) -> Tensor:
        one = torch.eye(len(block), dtype=block.dtype, device=block.device)
        return block - block.mT - self.gamma * one

    def step(self, a: Tensor, h: Tensor, **gate: Tensor) -> Tensor:
        if not self.gated:
            return h + self.epsilon * tanh(a)
        from_state = self.product("h", h)
        z = sigmoid(gate["z"] + from_state)
        return h + self.epsilon * z * tanh(a + from_state)
