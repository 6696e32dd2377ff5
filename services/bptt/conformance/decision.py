"""Which metrics a task reports, and when it counts as solved."""

import math
import re
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Generator, Tensor

from bptt.conformance.batch import parts
from bptt.conformance.effect import without_effects
from bptt.conformance.requirement import got, require, require_tensor, running
from bptt.contracts import Batch, StreamTask, Task


def check_solved(task: Task, sets: Mapping[str, Batch]) -> None:
    """A diverged, hopeless or forgetful model never solves the task; a perfect one does."""
    name, metric = type(task).__name__, task.metric
    measured = _measure(task, sets, lambda outputs: outputs)
    lower = task.better == "lower"
    hopeless = {"loss": math.inf, metric: 1e9 if lower else -1e9}
    for what, values in (
        ("NaN predictions", _measure(task, sets, lambda outputs: outputs * math.nan)),
        ("metrics that are all NaN", dict.fromkeys(measured, math.nan)),
        (f"{metric} = {hopeless[metric]:g}", measured | _spread(measured, hopeless)),
        (
            f"its baseline, {metric} = {task.baseline:g}",
            measured | _spread(measured, {metric: task.baseline}),
        ),
    ):
        require(not _solved(task, values), f"{name}.solved must be False for {what}.")
    # a text has no known floor, so a stream may never count as solved
    if isinstance(task, StreamTask):
        return
    best = [0.0, -math.inf] if lower else [1.0, math.inf]
    others = {key: 0.0 if way == "lower" else 1.0 for key, way in task.directions.items()}
    perfect = [
        measured | _spread(measured, others) | _spread(measured, {"loss": 0.0, metric: value})
        for value in best
    ]
    require(
        any(_solved(task, values) for values in perfect),
        f"{name}.solved must be True for a perfect {metric} ({best[0]:g}) in every set.",
    )


def _measure(
    task: Task, sets: Mapping[str, Batch], change: Callable[[Tensor], Tensor]
) -> dict[str, float]:
    """Return the metrics of random predictions under the names an evaluation gives them."""
    subject = f"{type(task).__name__}.metrics"
    measured: dict[str, float] = {}
    for suffix, batch in sets.items():
        outputs = change(predictions(task, batch, torch.float32))
        given = {"outputs": outputs, **parts(batch)}
        named = without_effects(subject, partial(task.metrics, outputs, batch), given)
        require(
            isinstance(named, Mapping),
            f"{subject} must return a mapping from names to tensors, got {got(named)}.",
        )
        with running(f"{type(task).__name__}.losses"):
            found = {"loss": task.losses(outputs, batch).mean()} | dict(named)
        require(
            task.metric in found,
            f"{subject} must contain {task.metric!r}, the one that decides, got "
            f"{', '.join(key for key in found if key != 'loss') or 'none'}.",
        )
        for key, value in found.items():
            require(
                bool(re.fullmatch(r"[a-z][a-z0-9_]*", key)),
                f"{subject} must use small letters, digits and _ for names, got {key!r}.",
            )
            require(
                key in ("loss", task.metric, *task.directions),
                f"{subject} returns {key!r}, and nothing says which way it is better: give "
                f"{type(task).__name__}.directions = {{{key!r}: 'lower'}} or 'higher'.",
            )
            require_tensor(value, f"{key!r} of {subject}", ())
            measured[f"{key}_{suffix}" if suffix else key] = float(value)
    return measured


def _spread(measured: Mapping[str, float], values: Mapping[str, float]) -> dict[str, float]:
    """Return a value for each metric, including its variants for other evaluation sets."""
    return {
        key: value
        for key in measured
        for metric, value in values.items()
        if key == metric or key.startswith(f"{metric}_")
    }


def _solved(task: Task, metrics: Mapping[str, float]) -> bool:
    subject = f"{type(task).__name__}.solved"
    with running(subject):
        solved: object = task.solved(metrics)
    require(isinstance(solved, bool), f"{subject} must return True or False, got {solved!r}.")
    return solved is True


def predictions(task: Task, batch: Batch, dtype: torch.dtype) -> Tensor:
    """Return random predictions in the shape a model gives them for a batch."""
    time, size = batch.inputs.shape[:2]
    shape = (time, size) if task.reads == "every" else (size,)
    generator = Generator().manual_seed(7)
    return torch.randn(*shape, task.output_size, generator=generator, dtype=torch.float64).to(dtype)
