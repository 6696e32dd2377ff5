"""The gradient through time of the training batches themselves, measured at every update."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from bptt.kernels import Unrolled


class TrainingFlow:
    """Mean and largest norm(dL/ds_t) of each state and step over the updates since a probe.

    The backward pass of an update measures it anyway, in float64 and of what it trains on. Part
    of the checkpoint, so that a resume repeats it.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._peaks: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor] = {}

    def add(self, layers: Sequence[Mapping[str, Unrolled]]) -> None:
        """Count one update, whose backward pass is over."""
        for number, layer in enumerate(layers):
            for direction, unrolled in layer.items():
                self._count(f"{number}/{direction}", unrolled.gradient_norms)

    def take(self, states: Sequence[str]) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Return metrics and arrays of the updates so far, and begin anew.

        Args:
            states: names of the cells' states.

        Returns:
            `flow/train_ratio`, and per layer, direction and state (2, time): mean and largest.
        """
        metrics: dict[str, float] = {}
        arrays: dict[str, Tensor] = {}
        for key, sums in self._sums.items():
            means = sums / self._counts[key]
            both = torch.stack([means, self._peaks[key]], dim=1)
            arrays |= {f"train_flow/{key}/{n}": row for n, row in zip(states, both, strict=True)}
            if key.endswith("/forward"):
                # all states together, and of the top layer, which comes last
                first, last = means[:, 0].norm(), means[:, -1].norm()
                metrics["flow/train_ratio"] = float((first / last).log10())
        self._begin()
        return metrics, arrays

    def _count(self, key: str, norms: Tensor) -> None:
        if key not in self._sums:
            self._sums[key] = norms.clone()
            self._peaks[key] = norms.clone()
            self._counts[key] = torch.ones(norms.shape[1], dtype=torch.float64)
            return
        longer = norms.shape[1] - self._sums[key].shape[1]
        if longer > 0:
            for kept in (self._sums, self._peaks, self._counts):
                kept[key] = pad(kept[key], (0, longer))
        time = norms.shape[1]
        self._sums[key][:, :time] += norms
        peaks = self._peaks[key][:, :time]
        torch.maximum(peaks, norms, out=peaks)
        self._counts[key][:time] += 1

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        kept = (self._sums, self._peaks, self._counts)
        return {key: [tensors[key].clone() for tensors in kept] for key in self._sums}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what a checkpoint kept."""
        for key, (sums, peaks, counts) in state.items():
            self._sums[key], self._peaks[key], self._counts[key] = sums, peaks, counts
