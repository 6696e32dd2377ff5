"""Evaluation on sets that are drawn once per run and stay the same."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from bptt.batches import scored
from bptt.batches.drawn import Drawn
from bptt.contracts import Batch, Task
from bptt.measuring.logged import BEST, BEST_STEP, EVAL_METRIC
from bptt.network.model import Model, mean_loss
from bptt.seeding import stream
from bptt.spec import RunSpec


class Evaluation:
    """Measures a model on the task's evaluation sets and remembers the best."""

    def __init__(self, spec: RunSpec, task: Task) -> None:
        self._task = task
        size = spec.training.evaluation_size
        sets = task.evaluation_sets(stream(spec.seed, "evaluation"), size)
        for name, batch in sets.items():
            Drawn(task, "evaluation_sets").check(batch, None, _called(name))
        self._sets: Mapping[str, Batch] = {name: _unpadded(batch) for name, batch in sets.items()}
        self.latest: dict[str, float] = {}
        self.best: dict[str, float] = {}
        self.solved_at: int | None = None
        """Updates before the first evaluation that satisfied the task's rule."""
        self.improved = False
        """Whether the latest evaluation was the best so far."""

    def measure(self, model: Model, step: int) -> dict[str, float]:
        """Return `eval/...` of every set, and `best/...` if this is the best so far."""
        metrics: dict[str, float] = {}
        with torch.no_grad():
            for name, batch in self._sets.items():
                outputs = model(batch).outputs
                told = _called(name)
                loss = float(mean_loss(self._task, outputs, batch, told))
                measured = {"loss": loss} | scored.metrics(self._task, outputs, batch, told)
                suffix = f"_{name}" if name else ""
                metrics |= {f"{key}{suffix}": value for key, value in measured.items()}
        self.latest = metrics
        if self.solved_at is None and self.solved:
            self.solved_at = step
        reported = {EVAL_METRIC.named(key): value for key, value in metrics.items()}
        value = metrics[self._task.metric]
        self.improved = self._is_better(value)
        if self.improved:
            self.best = {BEST.named(self._task.metric): value, BEST_STEP.key: float(step)}
            reported |= self.best
        return reported

    @property
    def solved(self) -> bool:
        """Whether the latest evaluation satisfies the task's rule."""
        return bool(self.latest) and self._task.solved(self.latest)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint stores."""
        return {"latest": self.latest, "best": self.best, "solved_at": self.solved_at}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what a checkpoint stored."""
        self.latest, self.best = dict(state["latest"]), dict(state["best"])
        # checkpoints of earlier versions lack it
        self.solved_at = state.get("solved_at")

    def _is_better(self, value: float) -> bool:
        if not math.isfinite(value) or not self.best:
            return math.isfinite(value)
        best = self.best[BEST.named(self._task.metric)]
        return value < best if self._task.better == "lower" else value > best


def _called(name: str) -> str:
    return f"evaluation set {name!r}" if name else "evaluation set"


def _unpadded(batch: Batch) -> Batch:
    """Drop lengths that carry no information, so that the faster path runs."""
    if batch.lengths is not None and bool((batch.lengths == batch.inputs.shape[0]).all()):
        return replace(batch, lengths=None)
    return batch
