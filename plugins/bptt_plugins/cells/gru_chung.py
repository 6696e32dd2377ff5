"""Gated recurrent unit of Chung et al. 2014."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from bptt.contracts import GateRole
from bptt_plugins.cells.gru_cho import GRUCho


class GRUChung(GRUCho):
    """Like `gru_cho` with z reversed: h = (1 - z) h + z n, z writes. Chung 2014, equation 5.

    Args:
        forget_bias: as in `gru_cho`, towards keeping: the update gate's bias is its negative.
    """

    gates: ClassVar[Mapping[str, GateRole]] = {"z": "write", "r": "reset"}
    towards_keeping = -1.0

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return (1 - z) * h + z * n
