"""Handwritten digits read as a sequence."""

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from bptt.contracts import Batch, Extent, Features, Ge, Task
from bptt_plugins.tasks.classification import accuracy

IMAGES, SIDE = 1797, 8
CLASSES = 10
TRAINING_IMAGES = 1437
SPLIT = "images split 1437:180:180"
"""Names how training, evaluation and test are told apart."""


class SequentialDigits(Task):
    """Classify a handwritten digit after reading its 8 x 8 grey values one after the other.

    Training draws from 1437 images with replacement; of the 360 others, 180 evaluate and 180 test.
    Data: E.
    Alpaydin & C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, doi 10.24432/C50P49, CC BY 4.0 (its test part, as scikit-learn's `load_digits`).
    Pixel by pixel after Le, Jaitly & Hinton 2015 (arXiv 1504.00941), who used MNIST.

    The baseline is the share of the most frequent digit among the images that evaluate, the best
    that can be done without looking. Solved: accuracy of at least 0.95.

    Args:
        mode: `row` reads 8 rows of 8 pixels, `pixel` 64 pixels row by row, `permuted` 64 pixels in
            an order drawn once and for all.
        padding: blank steps after the image, which make it a memory task.
    """

    causal = False
    reads = "last"
    metric = "accuracy"
    better = "higher"
    loss = "cross_entropy"

    def __init__(
        self,
        *,
        mode: Literal["row", "pixel", "permuted"] = "row",
        padding: Annotated[int, Ge(0)] = 0,
    ) -> None:
        self.padding = padding
        images, self.labels = load_images()
        features = SIDE if mode == "row" else 1
        sequences = images.view(IMAGES, -1, features).transpose(0, 1) / 16
        if mode == "permuted":
            sequences = sequences[fixed_order("permutation", SIDE * SIDE)]
        self.sequences = sequences
        order = fixed_order("split", IMAGES)
        self.training = order[:TRAINING_IMAGES]
        self.evaluation, self.test = order[TRAINING_IMAGES:].chunk(2)
        self.inputs = Features(features)
        self.output_size = CLASSES
        # from the first pixel to the last step
        self.horizon = len(sequences) + padding - 1
        self.baseline = int(self.labels[self.evaluation].bincount().max()) / len(self.evaluation)

    def fingerprint(self) -> str:
        return SPLIT

    def extent(self, sequences: int) -> Extent:
        return Extent(len(self.sequences) + self.padding, sequences)

    def evaluation_extents(self, size: int) -> Mapping[str, Extent]:
        return {"": Extent(len(self.sequences) + self.padding, min(size, len(self.evaluation)))}

    def sample(self, generator: Generator, batch_size: int) -> Batch:
        drawn = torch.randint(len(self.training), (batch_size,), generator=generator)
        return self._batch(self.training[drawn])

    def evaluation_sets(self, generator: Generator, size: int) -> Mapping[str, Batch]:
        """Return the first `size` images that evaluate, all 180 if `size` is larger."""
        return {"": self._batch(self.evaluation[:size])}

    def test_sets(self, generator: Generator, size: int) -> Mapping[str, Batch]:
        """Return the first `size` test images, all 180 if `size` is larger."""
        return {"": self._batch(self.test[:size])}

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {"accuracy": accuracy(outputs, batch.targets)}

    def solved(self, metrics: Mapping[str, float]) -> bool:
        return metrics["accuracy"] >= 0.95

    def _batch(self, chosen: Tensor) -> Batch:
        # padding goes from the last axis to the first: features, batch, time
        inputs = F.pad(self.sequences[:, chosen], (0, 0, 0, 0, 0, self.padding))
        return Batch(inputs, self.labels[chosen])


def load_images() -> tuple[Tensor, Tensor]:
    """Return grey values 0 .. 16 (1797, 64) float32 and labels (1797,) int64."""
    # one byte per pixel, image by image, row by row; then one byte per label
    content = gzip.decompress(Path(__file__).with_name("digits.bin.gz").read_bytes())
    values = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    pixels = IMAGES * SIDE * SIDE
    return values[:pixels].view(IMAGES, SIDE * SIDE).float(), values[pixels:].long()


def fixed_order(name: str, size: int) -> Tensor:
    """Return a permutation of 0 .. size - 1 that does not depend on any library's version."""

    def key(index: int) -> bytes:
        return hashlib.sha256(f"{name}/0/{index}".encode()).digest()

    return torch.tensor(sorted(range(size), key=key))
