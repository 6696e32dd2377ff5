"""What every clipper must do, checked on gradients from tiny to huge."""

import io
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bptt.conformance.clip_step import check_step, clip, equal
from bptt.conformance.requirement import constructed, require, running, same
from bptt.contracts import Clipper, ClipperState, FlatGradients, Gradients

SHAPES: Mapping[str, tuple[int, ...]] = {"weight": (4, 3), "bias": (4,), "gain": ()}
SIZES = (1e-30, 1e-3, 1.0, 1e3, 1e30)
"""Typical magnitudes of a gradient's elements: vanished to exploded, all finite."""
FLOAT64_SIZES = (*SIZES, 1e200)
"""The square of the last one exceeds float64."""


def check_clipper(clipper_class: type[Clipper], options: Mapping[str, Any] | None = None) -> None:
    """Check a clipper class against its contract, with its default options or those given.

    Raises:
        ContractViolation: the first rule that it breaks, in one line.
        InvalidSpec: an option given does not fit.
    """
    with running(clipper_class.__name__), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        name = clipper_class.__name__
        clipper: Clipper = constructed("clipper", clipper_class, options)
        for dtype in (torch.float32, torch.float64):
            parameters = _draw(1.0, dtype)
            with running(f"{name}.initial_state"):
                state = clipper.initial_state(parameters)
            _check_state(name, state)
            for size in FLOAT64_SIZES if dtype == torch.float64 else SIZES:
                gradients = _draw(size, dtype)
                check_step(clipper, gradients, parameters, state)
                _check_side_by_side(clipper, gradients, parameters, state)
            _check_zero(clipper, parameters, state)
        _check_successive_steps(clipper)
        _check_many_runs(clipper)


def _check_state(name: str, state: ClipperState) -> None:
    require(
        isinstance(state, Mapping)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()),
        f"{name}.initial_state must return a mapping from names to tensors.",
    )


def _check_side_by_side(
    clipper: Clipper, gradients: dict[str, Tensor], parameters: Gradients, state: ClipperState
) -> None:
    """Gradients and parameters stored side by side, as in training, are treated like any others."""
    name = type(clipper).__name__
    places, end = {}, 0
    for key, gradient in gradients.items():
        places[key] = (slice(end, end + gradient.numel()), gradient.shape)
        end += gradient.numel()
    flat, weights = (
        FlatGradients(torch.cat([tensors[key].flatten() for key in gradients]), places)
        for tensors in (gradients, parameters)
    )
    check_step(clipper, flat, weights, state)
    alone = clip(clipper, gradients, parameters, state)
    together = clip(clipper, flat, weights, state)
    require(
        same([together[0][key] for key in gradients], list(alone[0].values()), 1e-6),
        f"{name}.clip differs for gradients that lie side by side in one vector.",
    )


def _check_zero(clipper: Clipper, parameters: Gradients, state: ClipperState) -> None:
    name = type(clipper).__name__
    zeros = {key: torch.zeros_like(value) for key, value in parameters.items()}
    report = check_step(clipper, zeros, parameters, state)
    clipped, _, _ = clip(clipper, zeros, parameters, state)
    require(equal(zeros, clipped), f"{name}.clip must leave gradients of zero at zero.")
    require(not bool(report.clipped), f"{name} reports that it clipped gradients of zero.")


def _check_successive_steps(clipper: Clipper) -> None:
    """The state is carried over, survives a checkpoint, and turns nothing into NaN."""
    name = type(clipper).__name__
    parameters = _draw(1.0)
    state = clipper.initial_state(parameters)
    for size in (1.0, 1e3, 1e-3, 0.0, 1.0):
        gradients = _draw(size)
        buffer = io.BytesIO()
        with running(f"Saving and loading the state of {name}"):
            torch.save(dict(state), buffer)
            buffer.seek(0)
            loaded: ClipperState = torch.load(buffer, weights_only=True)
        resumed = clip(clipper, gradients, parameters, loaded)
        check_step(clipper, gradients, parameters, state)
        clipped, state, _ = clip(clipper, gradients, parameters, state)
        require(
            equal(clipped, resumed[0]) and equal(state, resumed[1]),
            f"{name}.clip differs after its state was saved and loaded.",
        )


def _check_many_runs(clipper: Clipper) -> None:
    """`torch.func.vmap` over runs must give what a loop over them gives, step by step."""
    name = type(clipper).__name__
    sizes = (1e-3, 1.0, 1e3)
    parameters = [_draw(1.0) for _ in sizes]
    states = [clipper.initial_state(own) for own in parameters]
    for _ in range(2):
        gradients = [_draw(size) for size in sizes]
        runs = list(zip(gradients, parameters, states, strict=True))
        looped = [clip(clipper, *run) for run in runs]
        with running(f"{name}.clip under torch.func.vmap (does it branch on a value?)"):
            stacked = [_stack([run[i] for run in runs]) for i in range(3)]
            together = torch.func.vmap(clipper.clip)(*stacked)
        for i, alone in enumerate(looped):
            for packed, single in zip(together[:2], alone[:2], strict=True):
                require(
                    same([packed[k][i] for k in single], list(single.values()), 1e-6),
                    f"{name}.clip of many runs by torch.func.vmap differs from each alone.",
                )
            require(
                same([field[i] for field in together[2]], list(alone[2]), 1e-6),
                f"{name}'s report of many runs by torch.func.vmap differs from each alone.",
            )
        states = [state for _, state, _ in looped]


def _draw(size: float, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    return {name: size * torch.randn(shape, dtype=dtype) for name, shape in SHAPES.items()}


def _stack(runs: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([run[name] for run in runs]) for name in runs[0]}
