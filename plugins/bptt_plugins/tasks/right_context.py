"""Labelling by what comes later."""

from collections.abc import Mapping
from typing import Annotated

import torch
from torch import Generator, Tensor

from bptt.contracts import Batch, Extent, Ge, Task, Tokens
from bptt_plugins.tasks.classification import accuracy

LAST_SYMBOL = 5
CLASS_WEIGHTS = (1.0, 5.0)
"""Factors on the loss of the frequent class 0 and of the rare class 1 (2/25 of the labels)."""


class RightContext(Task):
    """Mark each symbol that forms the pair {1, 2} with the symbol `offset` steps after it.

    x uniform in 1 .. 5, y_t = 1 if {x_t, x_{t + offset}} = {1, 2}, else 0; also 0 for the last
    `offset` steps. Losses are weighted (1, 5) by class. It shows what a model gains by reading in
    both directions (Schuster & Paliwal 1997); this generator is not from a paper.

    The baseline is the best a causal model can do: it knows x_t, but x_{t + offset} is independent
    of all it has read, so it marks every 1 and 2, is right in 1/5 of them and misses none: F1 = 2
    * 0.2 * 1 / (0.2 + 1) = 1/3. Solved: F1 above 0.99.

    A label at t may use what comes after t, so the task is meant for bidirectional models.

    Args:
        length: symbols in a sequence.
        offset: steps to the symbol that decides.

    Raises:
        ValueError: `offset` is not below `length`.
    """

    causal = False
    reads = "every"
    metric = "f1"
    better = "higher"
    directions = {"accuracy": "higher"}
    loss = "cross_entropy"
    class_weights = CLASS_WEIGHTS

    def __init__(
        self, *, length: Annotated[int, Ge(2)] = 20, offset: Annotated[int, Ge(1)] = 2
    ) -> None:
        if offset >= length:
            raise ValueError(
                f"offset must be below length = {length}, or every label is 0; got {offset}"
            )
        self.length = length
        self.offset = offset
        self.inputs = Tokens(LAST_SYMBOL + 1)
        self.output_size = 2
        self.horizon = offset
        self.baseline = 1 / 3

    def extent(self, sequences: int) -> Extent:
        return Extent(self.length, sequences)

    def sample(self, generator: Generator, batch_size: int) -> Batch:
        shape = (self.length, batch_size)
        inputs = torch.randint(1, LAST_SYMBOL + 1, shape, generator=generator)
        return Batch(inputs, self.labels(inputs))

    def labels(self, inputs: Tensor) -> Tensor:
        """Return the label of every symbol, in the shape of `inputs`."""
        now, later = inputs[: -self.offset], inputs[self.offset :]
        labels = torch.zeros_like(inputs)
        # of all products of two symbols only 1 * 2 is 2
        labels[: -self.offset] = now * later == 2
        return labels

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {
            "accuracy": accuracy(outputs, batch.targets),
            "f1": f1(outputs.argmax(-1), batch.targets).to(outputs.dtype),
        }

    def solved(self, metrics: Mapping[str, float]) -> bool:
        return metrics["f1"] > 0.99


def f1(marked: Tensor, labels: Tensor) -> Tensor:
    """Return 2 TP / (2 TP + FP + FN) over all positions together; 0 if there is no 1 at all."""
    both = (marked * labels).sum()
    return 2 * both / (marked.sum() + labels.sum()).clamp(min=1)
