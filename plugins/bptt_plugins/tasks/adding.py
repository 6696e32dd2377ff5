"""The adding problem."""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Generator, Tensor

from bptt.contracts import Batch, Extent, Features, Ge, Task


class Variant(NamedTuple):
    """What the variants differ in, besides the positions of the marks."""

    shortest: int
    """Least `length` at which every range that a mark is drawn from is nonempty."""
    lowest: float
    """Values are uniform in [lowest, 1)."""
    offset: float
    scale: float
    """The target is offset + (X1 + X2) / scale."""
    tolerance: float | None
    """A sequence is wrong from this absolute error on; None: not counted."""


VARIANTS = {
    "arjovsky": Variant(shortest=2, lowest=0.0, offset=0.0, scale=1.0, tolerance=None),
    "pascanu": Variant(shortest=10, lowest=0.0, offset=0.0, scale=2.0, tolerance=0.2),
    "hs97": Variant(shortest=20, lowest=-1.0, offset=0.5, scale=4.0, tolerance=0.04),
}


class Adding(Task):
    """Add the two marked values of a sequence of pairs (value, marker), read at its end.

    `arjovsky` (Arjovsky, Shah & Bengio 2016; Le, Jaitly & Hinton 2015): values U(0, 1), one mark
    in each half, target X1 + X2. Solved: mean squared error below 0.01.
    `pascanu` (Pascanu, Mikolov & Bengio 2013, and its code): lengths T = length + U{0 ..
    length/10 - 1}, values U(0, 1), marks in [0, T/10) and [T/10, T/2), target (X1 + X2) / 2; wrong
    where |error| >= 0.2. Solved: less than 1 % wrong.
    `hs97` (Hochreiter & Schmidhuber 1997, experiment 4): lengths T = length + U{0 .. length/10},
    values U(-1, 1), marks among the first ten and, of the rest, the first length/2, marker -1 on
    the first and the last pair, target 0.5 + (X1 + X2) / 4; a mark that falls on the first pair
    counts as 0; wrong where |error| >= 0.04. Solved: no evaluation sequence wrong.

    Deviations: lengths are drawn per sequence, where the code of `pascanu` draws one for the
    whole mini-batch; the middle of an odd `length` belongs to the second half, where the code of
    `arjovsky` never marks the last pair; the value is feature 0 and the marker feature 1.

    The baseline predicts the mean, so it is the variance of the target: 1/6, 1/24 and about 1/26.
    No target is among the inputs, so bidirectional models are allowed, though their backward cell
    reads the first mark late and has a shorter lag to bridge.

    Args:
        variant: whose generator.
        length: steps, or their minimum if they vary; at least 10 for `pascanu`, 20 for `hs97`.

    Raises:
        ValueError: `length` is too short for `variant`.
    """

    causal = False
    reads = "last"
    metric = "mse"
    better = "lower"
    directions = {"error": "lower"}
    loss = "squared_error"

    def __init__(
        self,
        *,
        variant: Literal["arjovsky", "pascanu", "hs97"] = "arjovsky",
        length: Annotated[int, Ge(2)] = 50,
    ) -> None:
        shortest = VARIANTS[variant].shortest
        if length < shortest:
            raise ValueError(
                f"length must be at least {shortest} for variant {variant!r}, got {length}"
            )
        self.variant = variant
        self.length = length
        tenth = length // 10
        self.extra_steps = {"arjovsky": 0, "pascanu": tenth - 1, "hs97": tenth}[variant]
        self.inputs = Features(2)
        self.output_size = 1
        self.horizon = length + self.extra_steps - 1
        self.baseline = self._variance()

    def extent(self, sequences: int) -> Extent:
        return Extent(self.length + self.extra_steps, sequences)

    def sample(self, generator: Generator, batch_size: int) -> Batch:
        variant = VARIANTS[self.variant]
        steps = self.length + self.extra_steps
        lengths = self.length + torch.randint(
            self.extra_steps + 1, (batch_size,), generator=generator
        )
        # drawn from 24 bits, which float32 represents exactly: every platform draws the same values
        values = torch.rand((steps, batch_size), generator=generator)
        if variant.lowest:
            values = variant.lowest + (1 - variant.lowest) * values
        marks = self._marks(generator, lengths)
        marked = values.gather(0, marks)
        inputs = torch.zeros((steps, batch_size, 2))
        inputs[..., 0] = values
        markers = inputs[..., 1].scatter_(0, marks, 1.0)
        if self.variant == "hs97":
            markers[0] = -1.0
            markers.scatter_(0, lengths.unsqueeze(0) - 1, -1.0)
            marked = marked * (marks > 0)
        targets = variant.offset + marked.sum(0) / variant.scale
        if self.variant == "arjovsky":
            return Batch(inputs, targets)
        valid = torch.arange(steps).unsqueeze(1) < lengths
        return Batch(inputs * valid.unsqueeze(-1), targets, lengths=lengths)

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        squares = self.losses(outputs, batch)
        metrics = {"mse": squares.mean()}
        tolerance = VARIANTS[self.variant].tolerance
        if tolerance is not None:
            # counts right answers, so that NaN is wrong
            metrics["error"] = 1 - (squares.sqrt() < tolerance).to(outputs.dtype).mean()
        return metrics

    def solved(self, metrics: Mapping[str, float]) -> bool:
        match self.variant:
            case "arjovsky":
                return metrics["mse"] < 0.01
            case "pascanu":
                return metrics["error"] < 0.01
            case "hs97":
                return metrics["error"] == 0

    def _marks(self, generator: Generator, lengths: Tensor) -> Tensor:
        """Return the positions of both marks, (2, batch)."""
        # drawn from so many integers that the remainder of a division is uniform as well
        first, second = torch.randint(1 << 62, (2, len(lengths)), generator=generator)
        half = self.length // 2
        match self.variant:
            case "arjovsky":
                return torch.stack((first % half, half + second % (self.length - half)))
            case "pascanu":
                tenth = lengths // 10
                return torch.stack((first % tenth, tenth + second % (4 * lengths // 10)))
            case "hs97":
                first, second = first % 10, second % (half - 1)
                return torch.stack((first, second + (second >= first)))

    def _variance(self) -> float:
        """Return the variance of the target."""
        variant = VARIANTS[self.variant]
        counting = 2.0
        if self.variant == "hs97":
            # a mark on the first pair counts as 0
            counting = 0.9 + (1 - 0.9 / (self.length // 2 - 1))
        return counting * (1 - variant.lowest) ** 2 / 12 / variant.scale**2
