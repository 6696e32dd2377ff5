"""Tasks that mypy accepts, and mistakes that it must name: an unused `ignore` is an error."""

from collections.abc import Mapping

import torch
from torch import Generator, Tensor

from bptt.contracts import Batch, Features, Task, Tokens


class Right(Task):
    causal = True
    reads = "last"
    metric = "error"
    better = "lower"
    loss = "squared_error"

    def __init__(self, *, length: int = 5) -> None:
        self.length = length
        self.inputs = Features(1)
        self.output_size = 1
        self.horizon = length
        self.baseline = 0.5

    def sample(self, generator: Generator, batch_size: int) -> Batch:
        inputs = torch.rand(self.length, batch_size, 1, generator=generator)
        return Batch(inputs, inputs[0, :, 0])

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {"error": (outputs[:, 0] - batch.targets).abs().mean()}

    def solved(self, metrics: Mapping[str, float]) -> bool:
        return metrics["error"] < 0.01


class NamesNoLoss(Right):
    loss = "mean_squared_error"  # type: ignore[assignment]


class ReadsTheFirst(Right):
    reads = "first"  # type: ignore[assignment]


class DrawsATensor(Right):
    def sample(self, generator: Generator, batch_size: int) -> Tensor:  # type: ignore[override]
        return torch.rand(self.length, batch_size, 1, generator=generator)


class AveragesToANumber(Right):
    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {"error": float(outputs.mean())}  # type: ignore[dict-item]


def make() -> None:
    Right(length=3).inputs = Tokens(4)
    Right(length="3")  # type: ignore[arg-type]
    Right(size=3)  # type: ignore[call-arg]
    Batch([1.0], torch.zeros(1))  # type: ignore[arg-type]
