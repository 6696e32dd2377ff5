"""Gated recurrent unit of Chung et al. 2014."""

from torch import Tensor, sigmoid

from bptt_plugins.cells.gru_cho import GRUCho


class GRUChung(GRUCho):
    """Like `gru_cho` with z reversed: h = (1 - z) h + z n, z writes. Chung 2014, equation 5."""

    gates = {"z": "write", "r": "reset"}

    def step(self, r: Tensor, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return h + sigmoid(z) * (self.candidate(r, n, h) - h)
