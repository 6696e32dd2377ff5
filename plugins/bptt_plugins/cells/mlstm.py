"""Long short-term memory whose memory is a matrix."""

from typing import Annotated

import torch
from torch import Tensor, exp, maximum, nn, sigmoid
from torch.nn.functional import logsigmoid

from bptt.contracts import Cell, Ge, State

WIDE = ("q", "k", "v", "o")


class MLSTM(Cell):
    """C = f C + i v k^T, n = f n + i k, h = o C q / max(|n q|, 1), all of them of the input alone.

    mLSTM of xLSTM, Beck et al. 2024 (arXiv 2405.04517), equations 19 to 27: f = sigma(f_t), i =
    exp(i_t), one of each for a head, k divided by the root of d. C is a matrix (d, d) for each head
    of d = hidden / heads units; m keeps exponentials in range and cancels. A state of bptt is as
    wide as h, so C is d states: `c0` has what the keys' first component reads, of all units. Within
    a head all units have one m. The paper's blocks around the cell are left out. Matrices and
    biases are drawn as torch draws those of a linear layer; as in the authors' code gates begin
    with weights of 0, the biases of i from N(0, 0.1^2), and those of f from 3 to 6 over the heads.

    Args:
        heads: matrices of memory; `hidden_size` is a multiple of it.
    """

    states = ("h", "c0", "n", "m")
    gates = {"f": "keep", "o": "read"}

    def __init__(
        self, input_size: int, hidden_size: int, *, heads: Annotated[int, Ge(1)] = 1
    ) -> None:
        if hidden_size % heads:
            raise ValueError(f"heads must divide hidden_size = {hidden_size}, got {heads}")
        super().__init__(input_size, hidden_size)
        self.heads, self.width = heads, hidden_size // heads
        columns = tuple(f"c{column}" for column in range(self.width))
        vars(self).update(states=("h", *columns, "n", "m"))
        self.weight = nn.Parameter(torch.empty(input_size, len(WIDE) * hidden_size))
        self.bias = nn.Parameter(torch.empty(len(WIDE) * hidden_size))
        self.gate_weight = nn.Parameter(torch.empty(input_size, 2 * heads))
        self.gate_bias = nn.Parameter(torch.empty(2 * heads))
        self.reset_parameters(horizon=2)

    def forward(self, x_t: Tensor, state: State) -> State:
        q, k, v, o = (x_t @ self.weight + self.bias).chunk(len(WIDE), dim=-1)
        q, k, v = (self._by_head(one) for one in (q, k * self.width**-0.5, v))
        i, log_f = self._gates(x_t)
        _, *columns, n, m = (self._by_head(one) for one in state)
        m = m[..., :1]
        new_m = maximum(log_f + m, i)
        f, i = exp(log_f + m - new_m), exp(i - new_m)
        # (..., head, unit of the value, component of the key)
        c = f.unsqueeze(-1) * torch.stack(columns, dim=-1)
        c = c + i.unsqueeze(-1) * v.unsqueeze(-1) * k.unsqueeze(-2)
        n = f * n + i * k
        read = (c * q.unsqueeze(-2)).sum(-1)
        share = maximum((n * q).sum(-1, keepdim=True).abs(), exp(-new_m))
        h = sigmoid(o) * (read / share).flatten(-2)
        new = (*c.unbind(-1), n, new_m.expand_as(n))
        return h, *(one.flatten(-2) for one in new)

    def gate_values(self, x_t: Tensor, state: State) -> dict[str, Tensor]:
        o = (x_t @ self.weight + self.bias).chunk(len(WIDE), dim=-1)[-1]
        _, log_f = self._gates(x_t)
        return {"f": exp(log_f).repeat_interleave(self.width, -2).flatten(-2), "o": sigmoid(o)}

    def _by_head(self, value: Tensor) -> Tensor:
        """Return (..., hidden) as (..., heads, units)."""
        return value.view(*value.shape[:-1], self.heads, self.width)

    def _gates(self, x_t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logarithms of i and f, (..., heads, 1) each."""
        i, f = (x_t @ self.gate_weight + self.gate_bias).unsqueeze(-1).chunk(2, dim=-2)
        return i, logsigmoid(f)

    def reset_parameters(self, horizon: int) -> None:
        bound = self.input_size**-0.5
        with torch.no_grad():
            self.weight.uniform_(-bound, bound)
            self.bias.uniform_(-bound, bound)
            self.gate_weight.zero_()
            self.gate_bias[: self.heads].normal_(0.0, 0.1)
            self.gate_bias[self.heads :] = torch.linspace(3.0, 6.0, self.heads)
