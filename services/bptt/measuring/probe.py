"""The gradient through time, measured on a frozen float64 copy of the model."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from pkgutil import resolve_name

import torch
from jaxtyping import Float64
from torch import Tensor

from bptt.batches.data import probe_batch
from bptt.contracts import Batch, Task
from bptt.measuring.probed import CALLED, Probed, Take
from bptt.measuring.rows import JACOBIAN_PROBES, Statistic
from bptt.measuring.table import STATISTICS
from bptt.network.model import Model
from bptt.network.parameters import FlatParameters
from bptt.network.passes import Passes
from bptt.settings import read_settings
from bptt.spec import RunSpec, StatisticsSpec

TAKEN: list[tuple[Statistic, Take]] = [(row, resolve_name(row.taken_by)) for row in STATISTICS]


class Probe:
    """Measures every statistic of the table on one fixed batch.

    In float64, because at a spectral radius of 0.58 a float32 gradient is gone after 160 steps,
    and its decay is exactly what one wants to see. Names and shapes are in docs/statistics.md.

    Args:
        spec: which statistics are taken, and how often.
        task: whose loss it is.
        model: the run's, whose parameters stay where they are.
    """

    def __init__(self, spec: RunSpec, task: Task, model: Model) -> None:
        self._task = task
        self._model = model
        self._spec = spec.statistics
        self._interval = spec.probe_interval
        batch = probe_batch(task, spec.seed, spec.statistics.sequences)
        self._batch = replace(batch, inputs=_doubled(batch.inputs), targets=_doubled(batch.targets))
        self._frozen: Frozen | None = None

    def is_due(self, step: int) -> bool:
        """Say whether statistics are due after update `step`."""
        return step % self._interval == 0 or self._jacobians_are_due(step)

    def measure(
        self, step: int, last: bool
    ) -> tuple[dict[str, float], Mapping[str, Float64[Tensor, "..."]]]:
        """Return metrics and arrays of the model after update `step`, the run's last or not."""
        if self._frozen is None:
            self._frozen = Frozen(self._model, self._task, self._spec)
        probed = self._frozen.probed(self._batch)
        jacobians = self._jacobians_are_due(step) or (last and self._spec.jacobian_interval > 0)
        metrics: dict[str, float] = {}
        arrays: dict[str, Tensor] = {}
        for statistic, take in TAKEN:
            if jacobians or statistic.when != JACOBIAN_PROBES:
                scalars, found = take(probed)
                metrics |= scalars
                arrays |= found
        return metrics, arrays

    def _jacobians_are_due(self, step: int) -> bool:
        interval = self._spec.jacobian_interval
        return interval > 0 and step % interval == 0


class Frozen:
    """A float64 copy of a model, and what takes its gradients.

    Args:
        model: the run's.
        task: whose loss it is.
        spec: of the statistics.
    """

    def __init__(self, model: Model, task: Task, spec: StatisticsSpec) -> None:
        self._task = task
        self._spec = spec
        self._model = copy.deepcopy(model).double()
        # if windows overlap, what counts is the gradient of a state over all of them
        backend = "autograd" if model.overlap else read_settings().backend
        self._model.run_by(backend, gradient_norms=True)
        self._parameters = FlatParameters(self._model)
        self._passes = Passes(
            self._model, self._parameters, task, gradient_norms=True, to_inputs=True
        )
        self._pairs = list(zip(self._model.parameters(), model.parameters(), strict=True))

    def probed(self, batch: Batch) -> Probed:
        """Copy the present parameters, and run both passes over `batch`.

        Cells are trained, and draw the same every time: two probes differ by the weights alone.
        """
        self._model.draw("probe")
        with torch.no_grad():
            for ours, theirs in self._pairs:
                ours.copy_(theirs)
        forward, _ = self._passes.run(batch, None, CALLED)
        return Probed(self._spec, self._task, batch, self._model, self._parameters, forward)


def _doubled(values: Tensor) -> Tensor:
    return values.double() if values.is_floating_point() else values
