"""The gradient through time, measured on a frozen float64 copy of the model."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bptt import gradient_statistics as statistics
from bptt.contracts import Batch, Cell, Task
from bptt.kernels import Unrolled
from bptt.spec import RunSpec
from bptt.training.data import probe_batch
from bptt.training.model import Forward, Model, mean_loss

FLOAT32_TINY = torch.finfo(torch.float32).tiny
"""Smallest normal float32: training flushes what is below to zero."""


@dataclass(frozen=True)
class Place:
    """One cell of the model and what it did on the probe batch."""

    layer: int
    direction: str
    cell: Cell
    unrolled: Unrolled

    def key(self, statistic: str, *parts: str) -> str:
        """Return the name of one statistics array of this cell."""
        return "/".join((statistic, str(self.layer), self.direction, *parts))


class Probe:
    """Takes every gradient statistic of a model on one fixed batch.

    float64, because at a spectral radius of 0.58 a float32 gradient is gone after 160 steps
    while its decay is what one wants to see.
    """

    def __init__(self, spec: RunSpec, task: Task) -> None:
        self._task = task
        self._spec = spec
        settings = spec.statistics
        batch = probe_batch(task, spec.seed, settings.sequences, spec.training.batch_size)
        inputs = batch.inputs.double() if batch.inputs.is_floating_point() else batch.inputs
        targets = batch.targets.double() if batch.targets.is_floating_point() else batch.targets
        self._batch: Batch = replace(batch, inputs=inputs, targets=targets)
        self._model: Model | None = None

    def measure(self, model: Model) -> tuple[dict[str, float], Mapping[str, Tensor]]:
        """Return metrics and arrays; names and shapes are in docs/statistics.md."""
        frozen = self._frozen(model)
        forward = frozen(self._batch)
        places = list(_places(frozen, forward))
        metrics: dict[str, float] = {}
        arrays: dict[str, Tensor] = {}
        self._flow(forward, places, frozen, metrics, arrays)
        self._lag(forward, places, metrics, arrays)
        with torch.no_grad():
            for place in places:
                self._gates(place, metrics, arrays)
                self._spectrum(place, metrics, arrays)
        if self._spec.statistics.lyapunov_exponents:
            for place in places:
                self._jacobians(place, metrics, arrays)
        return metrics, {name: value.detach().double() for name, value in arrays.items()}
