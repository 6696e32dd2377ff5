"""Long short-term memory whose units keep their old state at random."""

from typing import Annotated, Any

from torch import Tensor, where

from bptt.contracts import Ge, Lt
from bptt_plugins.cells.lstm import LSTM


class ZoneoutLSTM(LSTM):
    """h = d h' + (1 - d) LSTM(x, h'), and so c: a unit keeps its old state with probability z.

    Krueger et al. 2017 (arXiv 1606.01305): d is drawn anew for each unit and step, for h and for c;
    the new output is that of the memory before any of it is kept. An evaluation takes the
    expectation, z h' + (1 - z) LSTM(x, h').

    Args:
        keep_h: probability that a unit keeps its output.
        keep_c: probability that it keeps its memory. The paper takes 0.05 and 0.5 for characters.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        keep_h: Annotated[float, Ge(0), Lt(1)] = 0.05,
        keep_c: Annotated[float, Ge(0), Lt(1)] = 0.5,
        **framework: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, **framework)
        self.keep_h, self.keep_c = keep_h, keep_c

    def step(
        self, i: Tensor, f: Tensor, o: Tensor, g: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor]:
        new_h, new_c = super().step(i, f, o, g, h, c)
        kept_h = self._zoned("h", self.keep_h, h, new_h)
        return kept_h, self._zoned("c", self.keep_c, c, new_c)

    def _zoned(self, name: str, rate: float, old: Tensor, new: Tensor) -> Tensor:
        if not self.training:
            return rate * old + (1 - rate) * new
        return where(self.uniform(name) < rate, old, new)
