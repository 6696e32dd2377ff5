"""Evaluation on sets that are drawn once per run and stay the same."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from bptt.batches import scored
from bptt.batches.sets import Sets, draw_evaluation_sets, set_name
from bptt.contracts import Batch, State, StreamTask, Task
from bptt.measuring.logged import BEST, BEST_STEP, EVAL_METRIC
from bptt.network.model import Model, mean_loss
from bptt.spec import RunSpec

POSITIONS = 2**15
"""Positions of a text that are read at once: all states of a layer are in memory meanwhile."""


class Evaluation:
    """Measures a model on the task's evaluation sets and remembers the best."""

    def __init__(self, spec: RunSpec, task: Task) -> None:
        self._task = task
        self.sets = draw_evaluation_sets(task, spec.seed, spec.training.evaluation_size)
        self.latest: dict[str, float] = {}
        self.best: dict[str, float] = {}
        self.solved_at: int | None = None
        """Updates before the first evaluation that satisfied the task's rule."""
        self.improved = False
        """Whether the latest evaluation was the best so far."""

    def measure(self, model: Model, step: int) -> dict[str, float]:
        """Return `eval/...` of every set, and `best/...` if this is the best so far."""
        metrics = score(model, self._task, self.sets)
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


def score(
    model: Model, task: Task, sets: Sets, method: str = "evaluation_sets"
) -> dict[str, float]:
    """Return loss and metrics of every set, by name and behind it `_` and that of the set.

    Cells are evaluated, not trained; whatever they draw is the same each time.

    Args:
        model: as it is.
        task: whose sets they are.
        sets: the main one is named ''.
        method: of the task that drew them, for errors about its metrics.
    """
    metrics: dict[str, float] = {}
    model.draw("evaluation")
    with torch.no_grad(), evaluated(model):
        for name, batch in sets.items():
            called = set_name(method, name)
            pieces = _piecewise(model, task, batch, called)
            measured = pieces if pieces is not None else _score(model, task, batch, called)[0]
            suffix = f"_{name}" if name else ""
            metrics |= {f"{key}{suffix}": value for key, value in measured.items()}
    return metrics


@contextmanager
def evaluated(model: Model) -> Iterator[None]:
    """Have `training` of a model's cells be false."""
    model.eval()
    try:
        yield
    finally:
        model.train()


def _score(
    model: Model, task: Task, batch: Batch, called: str, state: list[State] | None = None
) -> tuple[dict[str, float], list[State]]:
    forward = model(batch, state)
    loss = float(mean_loss(task, forward.outputs, batch, called))
    return {"loss": loss} | scored.metrics(task, forward.outputs, batch, called), forward.final


def _piecewise(model: Model, task: Task, batch: Batch, called: str) -> dict[str, float] | None:
    """Return loss and metrics of texts read from left to right, the state handed on, if they are.

    A piece has as many positions as fit in the memory that the run was planned for.
    """
    steps, columns = batch.inputs.shape[:2]
    at_once = max(1, POSITIONS // columns)
    if not isinstance(task, StreamTask) or steps <= at_once:
        return None
    sums: dict[str, float] = {}
    state: list[State] | None = None
    for start in range(0, steps, at_once):
        part = slice(start, min(start + at_once, steps))
        mask = None if batch.mask is None else batch.mask[part]
        piece = Batch(batch.inputs[part], batch.targets[part], mask)
        measured, state = _score(model, task, piece, called, state)
        share = (part.stop - start) / steps
        for name, value in measured.items():
            sums[name] = sums.get(name, 0.0) + share * value
    return sums
