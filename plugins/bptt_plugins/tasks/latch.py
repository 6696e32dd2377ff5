"""The one-bit latch."""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from torch import Generator, Tensor

from bptt.contracts import Batch, Extent, Ge, Task, Tokens
from bptt_plugins.tasks.classification import accuracy

SYMBOLS = 8
"""0, never drawn; 1 and 2, the bit; 3 .. 7, noise."""
FIRST_NOISE = 3


class Latch(Task):
    """Say at the end of a sequence which of two symbols it started with.

    x_0 in {1, 2}, every later symbol uniform in 3 .. 7, the class is x_0 - 1: the latching problem
    of Bengio, Simard & Frasconi 1994, section II, with symbols for its noisy reals.

    Only x_0 determines the class, so the baseline accuracy is 1/2. Solved: at least 99.9 %.

    The class is not among later inputs, so bidirectional models are allowed, but they show nothing:
    their backward cell ends on x_0 and has no lag to bridge.

    Args:
        length: symbols in the sequence; the bit must be remembered for length - 1 steps.
        noise: `random` symbols after the first, or `blank`: always the symbol 3.
    """

    causal = False
    reads = "last"
    metric = "accuracy"
    better = "higher"
    loss = "cross_entropy"

    def __init__(
        self,
        *,
        length: Annotated[int, Ge(2)] = 50,
        noise: Literal["random", "blank"] = "random",
    ) -> None:
        self.length = length
        self.noise = noise
        self.inputs = Tokens(SYMBOLS)
        self.output_size = 2
        self.horizon = length - 1
        self.baseline = 0.5

    def extent(self, sequences: int) -> Extent:
        return Extent(self.length, sequences)

    def sample(self, generator: Generator, batch_size: int) -> Batch:
        bits = torch.randint(2, (batch_size,), generator=generator)
        shape = (self.length, batch_size)
        if self.noise == "random":
            inputs = torch.randint(FIRST_NOISE, SYMBOLS, shape, generator=generator)
        else:
            inputs = torch.full(shape, FIRST_NOISE)
        inputs[0] = bits + 1
        return Batch(inputs, bits)

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {"accuracy": accuracy(outputs, batch.targets)}

    def solved(self, metrics: Mapping[str, float]) -> bool:
        return metrics["accuracy"] >= 0.999
