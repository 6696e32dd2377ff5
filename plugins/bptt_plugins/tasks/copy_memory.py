"""The copying memory problem."""

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from torch import Generator, Tensor

from bptt.contracts import Batch, Extent, Ge, Task, Tokens
from bptt_plugins.tasks.classification import accuracy

BLANK = 0


class CopyMemory(Task):
    """Reproduce a string after a delay. Arjovsky, Shah & Bengio 2016.

    Inputs: `length` random symbols 1 .. `symbols`, `delay` - 1 blanks (0), a delimiter (`symbols`
    + 1), `length` blanks; targets: `length` + `delay` blanks, then the string. The loss counts
    every step. The metric `cross_entropy` is its mean; `accuracy` counts the last `length` steps.

    The baseline remembers nothing: it predicts blanks until the delimiter, then guesses, which
    costs length * ln(symbols) / (delay + 2 * length) nats. Solved: cross-entropy below a tenth of
    that, or accuracy above 99 %.

    Every symbol is shown before it is asked for and never after, so a bidirectional model
    sees no target and gains no memory: its backward cell can only count the remaining steps.

    Args:
        delay: steps from the end of the string to its recall, T in the paper.
        symbols: how many different symbols a string is made of.
        length: symbols in the string.
    """

    causal = False
    reads = "every"
    metric = "cross_entropy"
    better = "lower"
    directions = {"accuracy": "higher"}
    loss = "cross_entropy"

    def __init__(
        self,
        *,
        delay: Annotated[int, Ge(1)] = 30,
        symbols: Annotated[int, Ge(2)] = 8,
        length: Annotated[int, Ge(1)] = 10,
    ) -> None:
        self.delay = delay
        self.symbols = symbols
        self.length = length
        self.steps = delay + 2 * length
        self.inputs = Tokens(symbols + 2)
        self.output_size = symbols + 1
        self.horizon = delay + length
        self.baseline = length * math.log(symbols) / self.steps

    def extent(self, sequences: int) -> Extent:
        return Extent(self.steps, sequences)

    def sample(self, generator: Generator, batch_size: int) -> Batch:
        string = torch.randint(1, self.symbols + 1, (self.length, batch_size), generator=generator)
        inputs = torch.full((self.steps, batch_size), BLANK)
        inputs[: self.length] = string
        inputs[self.length + self.delay - 1] = self.symbols + 1
        targets = torch.full((self.steps, batch_size), BLANK)
        targets[-self.length :] = string
        return Batch(inputs, targets)

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        recalled, string = outputs[-self.length :], batch.targets[-self.length :]
        return {
            "cross_entropy": self.losses(outputs, batch).mean(),
            "accuracy": accuracy(recalled, string),
        }

    def solved(self, metrics: Mapping[str, float]) -> bool:
        return metrics["cross_entropy"] < 0.1 * self.baseline or metrics["accuracy"] > 0.99
