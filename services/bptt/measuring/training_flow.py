"""The gradient through time of the training batches themselves, measured at every update."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn.functional import pad

from bptt.kernels import Unrolled
from bptt.kernels.compiled.repeated import REMEMBERED
from bptt.measuring.table import TRAIN_FLOW, TRAIN_RATIO
from bptt.norms import frobenius_norm


class TrainingFlow:
    """Mean and largest norm(dL/ds_t) of each state and step over the updates since a probe.

    The backward pass of an update measures it anyway, in float64, on the training batch. Part
    of the checkpoint, so that a resumed run repeats it.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._kept: dict[str, list[Tensor]] = {}
        self._sums: dict[str, Tensor] = {}
        self._peaks: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor] = {}

    def add(self, layers: Sequence[Mapping[str, Unrolled]]) -> None:
        """Count one update, whose backward pass is over."""
        for number, layer in enumerate(layers):
            for direction, unrolled in layer.items():
                key = f"{number}/{direction}"
                kept = self._kept.setdefault(key, [])
                norms = unrolled.norms
                if kept and kept[0].shape != norms.shape:
                    self._add_up(key)
                kept.append(norms)
                # adding takes longer than keeping, so it is done as late as the kernels allow
                if len(kept) == REMEMBERED:
                    self._add_up(key)

    def take(
        self, states: Sequence[str]
    ) -> tuple[dict[str, float], dict[str, Float64[Tensor, "2 time"]]]:
        """Return metrics and arrays of the updates so far, and start over.

        Args:
            states: names of the cells' states.

        Returns:
            `flow/train_ratio`, and per layer, direction and state (2, time): mean and largest.
        """
        metrics: dict[str, float] = {}
        arrays: dict[str, Tensor] = {}
        for key, kept in self._kept.items():
            if kept:
                self._add_up(key)
        for key, sums in self._sums.items():
            means = sums / self._counts[key]
            both = torch.stack([means, self._peaks[key]], dim=1)
            arrays |= {
                TRAIN_FLOW.named(*key.split("/"), n): row
                for n, row in zip(states, both, strict=True)
            }
            if key.endswith("/forward"):
                # all states together, and of the top layer, which comes last
                first, last = (frobenius_norm(means[:, t]) for t in (0, -1))
                metrics[TRAIN_RATIO.key] = float((first / last).log10())
        self._begin()
        return metrics, arrays

    def _add_up(self, key: str) -> None:
        parts = torch.stack(self._kept[key])
        self._kept[key].clear()
        # (updates, states, time)
        kept = parts[:, 0] if parts.shape[1] == 1 else _over_parts(parts)
        states, time = kept.shape[1:]
        if key not in self._sums:
            self._sums[key] = torch.zeros(states, time, dtype=torch.float64)
            self._peaks[key] = torch.zeros(states, time, dtype=torch.float64)
            self._counts[key] = torch.zeros(time, dtype=torch.float64)
        longer = time - self._sums[key].shape[1]
        if longer > 0:
            for sums in (self._sums, self._peaks, self._counts):
                sums[key] = pad(sums[key], (0, longer))
        self._sums[key][:, :time] += kept.sum(0)
        peaks = self._peaks[key][:, :time]
        torch.maximum(peaks, kept.amax(0), out=peaks)
        self._counts[key][:time] += len(kept)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint stores."""
        sums = (self._sums, self._peaks, self._counts)
        return {
            "kept": {key: [norms.clone() for norms in kept] for key, kept in self._kept.items()},
            "sums": {key: [tensors[key].clone() for tensors in sums] for key in self._sums},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what a checkpoint stored."""
        # checkpoints of earlier versions hold norms over the whole batch, without parts
        self._kept = {
            key: [norms if norms.dim() == 3 else norms.unsqueeze(0) for norms in kept]
            for key, kept in state["kept"].items()
        }
        for key, (sums, peaks, counts) in state["sums"].items():
            self._sums[key], self._peaks[key], self._counts[key] = sums, peaks, counts


def _over_parts(norms: Tensor) -> Tensor:
    return frobenius_norm(norms.permute(0, 2, 3, 1), kept_axes=3)
