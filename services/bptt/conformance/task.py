"""What every task must do, checked on small draws and random predictions."""

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor

from bptt.conformance.batch import check_batch, equal, parts, rows_of
from bptt.conformance.decision import check_solved, predictions
from bptt.conformance.effect import without_effects
from bptt.conformance.extent import check_extents
from bptt.conformance.problem import check_training_only
from bptt.conformance.requirement import constructed, require, require_tensor, running
from bptt.contracts import Batch, Features, StreamTask, Task, Tokens

BATCH = 6


def check_task(task_class: type[Task], options: Mapping[str, Any] | None = None) -> None:
    """Check a task class against its contract, with its default options or those given.

    Raises:
        ContractViolation: the first rule that it breaks, in one line.
        InvalidSpec: an option given does not fit.
    """
    name = task_class.__name__
    with running(task_class.__name__), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        task: Task = constructed("task", task_class, options)
        _check_attributes(task)
        batches = {size: _sample(task, 0, size) for size in (1, BATCH)}
        for size, batch in batches.items():
            check_batch(task, f"{name}.sample", batch, size)
        _check_draw(task)
        _check_losses(task, _sample(task, 0, BATCH))
        sets = _check_sets(task, "evaluation_sets")
        tested = _check_sets(task, "test_sets")
        _check_apart(task)
        check_extents(task, batches, {"evaluation": sets, "test": tested})
        check_solved(task, sets)
        check_training_only(task, task_class, options)
        if isinstance(task, StreamTask):
            _check_windows(task)


def _check_attributes(task: Task) -> None:
    rules: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
        "causal": ("True or False", lambda value: isinstance(value, bool)),
        "reads": ("'last' or 'every'", lambda value: value in ("last", "every")),
        "better": ("'lower' or 'higher'", lambda value: value in ("lower", "higher")),
        "loss": (
            "'cross_entropy', 'squared_error' or None",
            lambda value: value in ("cross_entropy", "squared_error", None),
        ),
        "metric": ("a name", lambda value: isinstance(value, str)),
        "directions": (
            "a mapping from names of metrics to 'lower' or 'higher'",
            lambda value: isinstance(value, Mapping) and set(value.values()) <= {"lower", "higher"},
        ),
        "inputs": (
            "Tokens(size) or Features(size) of at least 1",
            lambda value: isinstance(value, Tokens | Features) and value.size >= 1,
        ),
        "output_size": ("an integer >= 1", lambda value: isinstance(value, int) and value >= 1),
        "horizon": ("an integer >= 1", lambda value: isinstance(value, int) and value >= 1),
        "baseline": (
            "a finite number",
            lambda value: isinstance(value, float | int) and math.isfinite(value),
        ),
    }
    for attribute, (expected, fits) in rules.items():
        subject = f"{type(task).__name__}.{attribute}"
        require(hasattr(task, attribute), f"{subject} must be set: {expected}.")
        value = getattr(task, attribute)
        require(fits(value), f"{subject} must be {expected}, got {value!r}.")
    name = type(task).__name__
    require(
        task.loss is not None or type(task).losses is not Task.losses,
        f"{name} must have a `loss` that is known, or a method `losses`.",
    )
    require(
        task.loss != "squared_error" or task.output_size == 1,
        f"{name}.output_size must be 1 for a `loss` of 'squared_error', got {task.output_size}.",
    )
    weights = task.class_weights
    require(
        weights is None or (task.loss == "cross_entropy" and len(weights) == task.output_size),
        f"{name}.class_weights must be one for each of {task.output_size} classes of a `loss` of "
        f"'cross_entropy', got {weights!r}.",
    )


def _check_draw(task: Task) -> None:
    """The same seed gives the same batch, another seed another, and no other generator matters."""
    subject = f"{type(task).__name__}.sample"
    # a seed no plugin would choose, so that seeding shows
    torch.manual_seed(2**31 - 5)
    before = torch.get_rng_state()
    first = _sample(task, 0, BATCH)
    require(
        torch.equal(before, torch.get_rng_state()),
        f"{subject} must draw from the generator it is given, not from torch's global one.",
    )
    require(
        equal(first, _sample(task, 0, BATCH)),
        f"{subject} must return the same batch for the same seed.",
    )
    require(
        any(not equal(first, _sample(task, seed, BATCH)) for seed in (1, 2, 3)),
        f"{subject} must depend on the generator it is given: four seeds give one batch.",
    )


def _check_losses(task: Task, batch: Batch) -> None:
    subject = f"{type(task).__name__}.losses"
    for dtype in (torch.float64, torch.float32):
        outputs = predictions(task, batch, dtype).requires_grad_()
        losses = without_effects(
            f"{subject} in {dtype}",
            partial(task.losses, outputs, batch),
            {"outputs": outputs, **parts(batch)},
        )
        require_tensor(losses, subject, outputs.shape[:-1], dtype)
        require(bool(losses.isfinite().all()), f"{subject} must be finite for finite predictions.")
    with running(f"Back-propagation through {subject}"):
        (gradient,) = torch.autograd.grad(losses.sum(), outputs)
    require(
        bool(gradient.isfinite().all() and (gradient != 0).any()),
        f"{subject} must have finite gradients that are not all zero.",
    )
    outputs = outputs.detach()
    _check_loss_gradients(task, outputs, batch)
    for rows in (slice(0, 2), slice(2, BATCH)):
        part = rows_of(batch, rows, task.reads)
        time = part.inputs.shape[0]
        chosen, expected = outputs[rows], losses[rows]
        if task.reads == "every":
            chosen, expected = outputs[:time, rows], losses[:time, rows]
        with running(f"{subject} on a part of a batch"):
            alone = task.losses(chosen, part)
            task.metrics(chosen, part)
        require(
            alone.shape == expected.shape and torch.allclose(alone, expected, rtol=1e-5),
            f"{subject} must treat every sequence alone: it changes with the rest of the batch.",
        )


def _check_loss_gradients(task: Task, outputs: Tensor, batch: Batch) -> None:
    subject = f"{type(task).__name__}.loss_gradients"
    for dtype, rounding in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
        leaf = outputs.to(dtype).requires_grad_()
        losses = task.losses(leaf, batch)
        (expected,) = torch.autograd.grad(losses.sum(), leaf)
        given = leaf.detach().clone()
        with torch.no_grad():
            found = without_effects(
                f"{subject} in {dtype}",
                partial(task.loss_gradients, given, batch),
                {"outputs": given, **parts(batch)},
            )
        if found is None:
            return
        for value, right in zip(found, (losses.detach(), expected), strict=True):
            require_tensor(value, subject, right.shape, dtype)
            require(
                torch.allclose(value, right, rtol=rounding, atol=rounding),
                f"{subject} must return what `losses` does and its derivative by autograd.",
            )


def _check_apart(task: Task) -> None:
    """The test set is not the evaluation set, whichever random numbers each is drawn from."""
    subject = f"{type(task).__name__}.test_sets"
    seeds = range(4)
    evaluated = [_drawn(task, "evaluation_sets", seed)[""] for seed in seeds]
    require(
        any(not equal(_drawn(task, "test_sets", seed + 4)[""], evaluated[seed]) for seed in seeds),
        f"{subject} must return other sequences than evaluation_sets: what chooses when a run "
        "stops and which of its weights are best says too much of them.",
    )


def _drawn(task: Task, method: str, seed: int) -> Mapping[str, Batch]:
    with running(f"{type(task).__name__}.{method}"):
        sets: Mapping[str, Batch] = getattr(task, method)(Generator().manual_seed(seed), BATCH)
    return sets


def _check_sets(task: Task, method: str) -> Mapping[str, Batch]:
    subject = f"{type(task).__name__}.{method}"
    sets, again = (_drawn(task, method, 0) for _ in range(2))
    require("" in sets, f"{subject} must contain the main set, named ''.")
    for name, batch in sets.items():
        require(
            name == "" or bool(re.fullmatch(r"[a-z0-9_]+", name)),
            f"{subject} must name its sets in small letters, digits and _, got {name!r}.",
        )
        size = batch.inputs.shape[1]
        require(1 <= size <= BATCH, f"{subject} must hold at most {BATCH} sequences, got {size}.")
        check_batch(task, f"{subject}[{name!r}]", batch, size)
    require(
        sets.keys() == again.keys() and all(equal(sets[name], again[name]) for name in sets),
        f"{subject} must return the same sets for the same seed.",
    )
    return sets


def _check_windows(task: StreamTask) -> None:
    subject = f"{type(task).__name__}.window"

    def window(index: int) -> tuple[Batch, bool]:
        with running(subject):
            return task.window(index, BATCH)

    order = (0, 1, 2, 1, 0)
    drawn = [window(index) for index in order]
    for batch, continues in drawn:
        check_batch(task, subject, batch, BATCH)
        require(isinstance(continues, bool), f"{subject} must return (Batch, True or False).")
    require(not drawn[0][1], f"{subject} must not continue anything at index 0.")
    require(any(continues for _, continues in drawn), f"{subject} never continues the last one.")
    require(
        equal(drawn[1][0], drawn[3][0]) and equal(drawn[0][0], drawn[4][0]),
        f"{subject} must depend on its index alone, so that a run can resume anywhere.",
    )
    require(not equal(drawn[0][0], drawn[1][0]), f"{subject} returns the same window for 0 and 1.")


def _sample(task: Task, seed: int, size: int) -> Batch:
    with running(f"{type(task).__name__}.sample"):
        return task.sample(Generator().manual_seed(seed), size)
