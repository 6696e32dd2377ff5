"""The temporal order problem."""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from bptt.contracts import Batch, Extent, Features, Ge, Task
from bptt_plugins.tasks.classification import accuracy

SYMBOLS = 6
"""A and B, which carry a bit, and c, d, e, f, which mean nothing."""

TENTHS = {2: (1, 5), 3: (1, 3, 6)}
"""Where the range of each bit's position begins, in tenths of the length; it is a tenth long."""


class TemporalOrder(Task):
    """Say which of A and B appeared in two or three places of a sequence, and in which order.

    Symbols are one-hot; at random places in [0.1 L, 0.2 L) and [0.5 L, 0.6 L) (`bits` 3: from
    0.1 L, 0.3 L and 0.6 L, a tenth long each) is A or B, everywhere else c, d, e or f. The class is
    v0 + 2 v1 (+ 4 v2) with v = 1 for B, read at the end. Pascanu, Mikolov & Bengio 2013, section
    4.1, with the positions of its published code; Hochreiter & Schmidhuber 1997, experiment 6.

    The baseline guesses: error 3/4 (7/8), loss ln 4 (ln 8). A model that remembers only the last
    bit has error 1/2 (3/4). Solved: error below 1 %.

    The class is not among the inputs, so bidirectional models are allowed; their backward cell
    bridges the lag from the last bit to the start instead.

    Args:
        bits: number of positions that matter.
        length: steps L.
    """

    causal = False
    reads = "last"
    metric = "error"
    better = "lower"
    loss = "cross_entropy"

    def __init__(self, *, bits: Literal[2, 3] = 2, length: Annotated[int, Ge(10)] = 30) -> None:
        self.bits = bits
        self.length = length
        self.starts = [tenths * length // 10 for tenths in TENTHS[bits]]
        self.inputs = Features(SYMBOLS)
        self.output_size = 2**bits
        self.horizon = length - 1 - self.starts[0]
        self.baseline = 1 - 2.0**-bits

    def extent(self, sequences: int) -> Extent:
        return Extent(self.length, sequences)

    def sample(self, generator: Generator, batch_size: int) -> Batch:
        def draw(low: int, high: int, rows: int) -> Tensor:
            return torch.randint(low, high, (rows, batch_size), generator=generator)

        symbols = draw(2, SYMBOLS, self.length)
        values = draw(0, 2, self.bits)
        places = torch.tensor(self.starts).unsqueeze(1) + draw(0, self.length // 10, self.bits)
        symbols.scatter_(0, places, values)
        powers = 2 ** torch.arange(self.bits).unsqueeze(1)
        inputs = F.one_hot(symbols, SYMBOLS).to(torch.float32)
        return Batch(inputs, (values * powers).sum(0))

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {"error": 1 - accuracy(outputs, batch.targets)}

    def solved(self, metrics: Mapping[str, float]) -> bool:
        return metrics["error"] < 0.01
