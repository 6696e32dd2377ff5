"""What a clipper must do in a single step."""

from collections.abc import Mapping

import torch
from torch import Tensor

from bptt.conformance.effect import without_effects
from bptt.conformance.requirement import got, require, require_tensor, running, same
from bptt.contracts import Clipper, ClipperState, ClipReport, Gradients, joint_norm

TOLERANCE = 1e-5
"""float32 gradients against norms accumulated in float64."""
UNDERFLOW = 1e-37
"""What clipped float32 gradients may lose in total: elements too small for their type."""

Result = tuple[Gradients, ClipperState, ClipReport]


def check_step(
    clipper: Clipper, gradients: Gradients, parameters: Gradients, state: ClipperState
) -> ClipReport:
    """Check one call of `clip` and its report; returns the report."""
    name = type(clipper).__name__
    given = {"gradients": gradients, "parameters": parameters, "state": state}
    clipped, after, report = without_effects(
        f"{name}.clip",
        lambda: clip(clipper, gradients, parameters, state),
        {
            f"{key!r} of the {what}": t
            for what, tensors in given.items()
            for key, t in tensors.items()
        },
    )
    _check_shapes(name, gradients, clipped, state, after, report)
    finite = all(bool(value.isfinite().all()) for value in (*clipped.values(), *report[:3]))
    # NaN may stand for what a state does not know yet
    require(
        finite and all(_nans(after[key]) <= _nans(state[key]) for key in after),
        f"{name}.clip must return finite values for finite gradients; it does not at a joint "
        f"norm of {float(joint_norm(gradients)):.3g}.",
    )
    again = clip(clipper, gradients, parameters, state)
    require(
        equal(clipped, again[0]) and equal(after, again[1]) and same(report, again[2]),
        f"{name}.clip must be pure: two equal calls differ. Remember in the state, not in self.",
    )
    require(not bool(report.threshold.isnan()), f"The threshold {name}.clip reports is NaN.")
    _check_report(name, gradients, clipped, report)
    _check_scale(clipper, gradients, state, (clipped, after, report))
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
    before, after = float(joint_norm(gradients)), float(joint_norm(clipped))
    ratio, lost = (after / before, UNDERFLOW / before) if before > 0 else (1.0, 0.0)
    for field, true, absolute in (
        ("grad_norm", before, 0.0),
        ("clipped_grad_norm", after, UNDERFLOW),
        ("scale", ratio, lost),
    ):
        got = float(getattr(report, field))
        require(
            abs(got - true) <= TOLERANCE * true + absolute,
            f"{field} in {name}'s report must be {true:.6g}, got {got:.6g}.",
        )
    changed = not equal(gradients, clipped)
    require(
        bool(report.clipped) or not changed,
        f"{name} changed a gradient and reports that it did not.",
    )
    # a scale of 1 - 1e-9 is a change that float32 does not show
    require(
        changed or not bool(report.clipped) or float(report.scale) < 1,
        f"{name} changed no gradient and reports that it did.",
    )


def _check_scale(
    clipper: Clipper, gradients: Gradients, state: ClipperState, result: Result
) -> None:
    subject = f"{type(clipper).__name__}.scale_of_norm"
    clipped, after, report = result
    with running(subject):
        scale = clipper.scale_of_norm(float(report.grad_norm))
    if scale is None:
        return
    require(isinstance(scale, float), f"{subject} must be a float, got {type(scale).__name__}.")
    scaled = [gradient * scale for gradient in gradients.values()]
    right = abs(scale - float(report.scale)) <= TOLERANCE * scale
    require(
        right and same([clipped[key] for key in gradients], scaled, TOLERANCE),
        f"{subject} must be the factor that `clip` puts on all gradients, "
        f"{float(report.scale):.6g} at a joint norm of {float(report.grad_norm):.3g}; "
        f"got {scale:.6g}.",
    )
    require(equal(state, after), f"{subject} must be None if `clip` changes the state.")


def clip(
    clipper: Clipper, gradients: Gradients, parameters: Gradients, state: ClipperState
) -> Result:
    """Call `clip` and require its three results."""
    subject = f"{type(clipper).__name__}.clip"
    with running(subject):
        result = clipper.clip(gradients, parameters, state)
    require(
        isinstance(result, tuple) and len(result) == 3,
        f"{subject} must return (gradients, state, report), got {got(result)}.",
    )
    return result


def _nans(tensor: Tensor) -> int:
    return int(tensor.isnan().sum())


def equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    """Say whether tensors agree exactly, name by name, NaN with NaN."""
    return first.keys() == second.keys() and all(same([first[n]], [second[n]]) for n in first)
