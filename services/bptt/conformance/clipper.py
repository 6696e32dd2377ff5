"""What every clipper must do, checked on gradients from tiny to huge."""

import io
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bptt.conformance.requirement import require, require_tensor, running, same
from bptt.contracts import Clipper, ClipperState, ClipReport, Gradients, joint_norm
from bptt.registry import construct_class

SHAPES: Mapping[str, tuple[int, ...]] = {"weight": (4, 3), "bias": (4,), "gain": ()}
SIZES = (1e-30, 1e-3, 1.0, 1e3, 1e30)
"""Typical magnitudes of a gradient's elements: vanished to exploded, all finite."""
TOLERANCE = 1e-5
"""float32 gradients against norms accumulated in float64."""

Result = tuple[Gradients, ClipperState, ClipReport]


def check_clipper(clipper_class: type[Clipper], options: Mapping[str, Any] | None = None) -> None:
    """Check a clipper class against its contract, with its default options or those given.

    Raises:
        ContractViolation: the first rule that it breaks, in one line.
        InvalidSpec: an option given does not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        name = clipper_class.__name__
        with running(f"The constructor of {name}"):
            clipper: Clipper = construct_class("clipper", clipper_class, options or {})
        for dtype in (torch.float32, torch.float64):
            parameters = _draw(1.0, dtype)
            with running(f"{name}.initial_state"):
                state = clipper.initial_state(parameters)
            _check_state(name, state)
            for size in SIZES:
                _check_one_step(clipper, _draw(size, dtype), parameters, state)
            _check_zero(clipper, parameters, state)
        _check_successive_steps(clipper)
        _check_many_runs(clipper)


def _check_state(name: str, state: ClipperState) -> None:
    require(
        isinstance(state, Mapping)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()),
        f"{name}.initial_state must return a mapping from names to tensors.",
    )


def _check_one_step(
    clipper: Clipper, gradients: Gradients, parameters: Gradients, state: ClipperState
) -> ClipReport:
    name = type(clipper).__name__
    given = [gradients, parameters, state]
    kept = [_copy(tensors) for tensors in given]
    clipped, after, report = _clip(clipper, gradients, parameters, state)
    for what, tensors, before in zip(
        ("gradients", "parameters", "state"), given, kept, strict=True
    ):
        require(_equal(tensors, before), f"{name}.clip must not change the {what} it is given.")
    _check_shapes(name, gradients, clipped, state, after, report)
    again = _clip(clipper, gradients, parameters, state)
    require(
        _equal(clipped, again[0]) and _equal(after, again[1]) and same(report, again[2]),
        f"{name}.clip must be pure: two equal calls differ. Remember in the state, not in self.",
    )
    tensors = [*clipped.values(), *after.values(), *report[:3]]
    require(
        all(bool(tensor.isfinite().all()) for tensor in tensors),
        f"{name}.clip must return finite values for finite gradients; it does not at a joint "
        f"norm of {float(joint_norm(gradients)):.3g}.",
    )
    require(not bool(report.threshold.isnan()), f"The threshold {name}.clip reports is NaN.")
    _check_report(name, gradients, clipped, report)
    return report


def _check_shapes(
    name: str,
    gradients: Gradients,
    clipped: Gradients,
    state: ClipperState,
    after: ClipperState,
    report: ClipReport,
) -> None:
    for what, before, now in (("gradients", gradients, clipped), ("state", state, after)):
        require(
            isinstance(now, Mapping) and now.keys() == before.keys(),
            f"{name}.clip must return the {what} under the names they came with.",
        )
        for key, tensor in before.items():
            require_tensor(now[key], f"{what} {key!r} of {name}.clip", tensor.shape, tensor.dtype)
    require(isinstance(report, ClipReport), f"{name}.clip must return a ClipReport as third value.")
    for field, dtype in (
        ("grad_norm", torch.float64),
        ("clipped_grad_norm", torch.float64),
        ("scale", None),
        ("clipped", torch.bool),
        ("threshold", None),
    ):
        require_tensor(getattr(report, field), f"{field} in {name}'s report", (), dtype)


def _check_report(name: str, gradients: Gradients, clipped: Gradients, report: ClipReport) -> None:
    before, after = joint_norm(gradients), joint_norm(clipped)
    ratio = after / before if before > 0 else torch.ones_like(before)
    for field, true in (("grad_norm", before), ("clipped_grad_norm", after), ("scale", ratio)):
        got = float(getattr(report, field))
        require(
            abs(got - float(true)) <= TOLERANCE * float(true),
            f"{field} in {name}'s report must be {float(true):.6g}, got {got:.6g}.",
        )
    changed = not _equal(gradients, clipped)
    require(
        bool(report.clipped) or not changed,
        f"{name} changed a gradient and reports that it did not.",
    )
    # a scale of 1 - 1e-9 is a change that float32 does not show
    require(
        changed or not bool(report.clipped) or float(report.scale) < 1,
        f"{name} changed no gradient and reports that it did.",
    )


def _check_zero(clipper: Clipper, parameters: Gradients, state: ClipperState) -> None:
    name = type(clipper).__name__
    zeros = {key: torch.zeros_like(value) for key, value in parameters.items()}
    report = _check_one_step(clipper, zeros, parameters, state)
    clipped, _, _ = _clip(clipper, zeros, parameters, state)
    require(_equal(zeros, clipped), f"{name}.clip must leave gradients of zero at zero.")
    require(not bool(report.clipped), f"{name} reports that it clipped gradients of zero.")


def _check_successive_steps(clipper: Clipper) -> None:
    """The state is carried on, survives a checkpoint, and bounds nothing to NaN."""
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
        resumed = _clip(clipper, gradients, parameters, loaded)
        _check_one_step(clipper, gradients, parameters, state)
        clipped, state, _ = _clip(clipper, gradients, parameters, state)
        require(
            _equal(clipped, resumed[0]) and _equal(state, resumed[1]),
            f"{name}.clip differs after its state was saved and loaded.",
        )


def _check_many_runs(clipper: Clipper) -> None:
    """`torch.func.vmap` over runs must give what a loop over them gives, step after step."""
    name = type(clipper).__name__
    sizes = (1e-3, 1.0, 1e3)
    parameters = [_draw(1.0) for _ in sizes]
    states = [clipper.initial_state(own) for own in parameters]
    for _ in range(2):
        gradients = [_draw(size) for size in sizes]
        runs = list(zip(gradients, parameters, states, strict=True))
        looped = [_clip(clipper, *run) for run in runs]
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


def _clip(
    clipper: Clipper, gradients: Gradients, parameters: Gradients, state: ClipperState
) -> Result:
    subject = f"{type(clipper).__name__}.clip"
    with running(subject):
        result = clipper.clip(gradients, parameters, state)
    require(
        isinstance(result, tuple) and len(result) == 3,
        f"{subject} must return (gradients, state, report).",
    )
    return result


def _draw(size: float, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    return {name: size * torch.randn(shape, dtype=dtype) for name, shape in SHAPES.items()}


def _copy(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def _equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def _stack(runs: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([run[name] for run in runs]) for name in runs[0]}
