import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn, tensor
from torch.func import vmap
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from bptt.contracts import joint_norm
from bptt_plugins.clippers.agc import AdaptiveGradientClipping
from bptt_plugins.clippers.global_norm import GlobalNorm
from bptt_plugins.clippers.none import NoClipping
from bptt_plugins.clippers.value import Value

FLOAT64 = torch.float64
CLIPPERS = {
    "agc": AdaptiveGradientClipping(),
    "none": NoClipping(),
    "global_norm": GlobalNorm(),
    "value": Value(),
}

# magnitudes from vanished to exploded, both signs, and zero
elements = st.builds(
    lambda sign, decade: sign * 10.0**decade, st.sampled_from([-1.0, 0.0, 1.0]), st.floats(-12, 12)
)
gradients = st.dictionaries(
    st.sampled_from(["weight", "bias", "vector"]),
    st.lists(elements, min_size=0, max_size=6).map(lambda v: tensor(v, dtype=FLOAT64)),
    min_size=1,
)
# torch adds 1e-6 to the norm, so a bound of that size is another function
bounds = st.floats(-2, 6).map(lambda decade: 10.0**decade)
examined = settings(deadline=None, derandomize=True, max_examples=100)


def clip(clipper, found):
    """Return clipped gradients and report, with the gradients as parameters; no state is kept."""
    clipped, state, report = clipper.clip(found, found, clipper.initial_state(found))
    assert state == {}
    return clipped, report


def random_gradients(dtype=FLOAT64, scale=1.0, runs=()):
    generator = torch.Generator().manual_seed(0)
    shapes = {"weight": (5, 8), "bias": (8,), "vector": (5,)}
    return {
        name: (scale * torch.randn(*runs, *shape, generator=generator, dtype=FLOAT64)).to(dtype)
        for name, shape in shapes.items()
    }


def as_parameters(found):
    """Return parameters whose gradients are copies of `found`, for torch's own clipping."""
    parameters = []
    for gradient in found.values():
        parameters.append(nn.Parameter(torch.zeros_like(gradient)))
        parameters[-1].grad = gradient.clone()
    return parameters


def cosine(first, second):
    flat = [torch.cat([g.flatten() for g in found.values()]) for found in (first, second)]
    flat = [f / f.abs().max() for f in flat]
    return float(torch.nn.functional.cosine_similarity(*flat, dim=0))


@pytest.mark.parametrize("dtype", [torch.float32, FLOAT64], ids=str)
@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0, 1e4])
def test_global_norm_is_torchs_clip_grad_norm_(dtype, scale):
    found = random_gradients(dtype, scale)
    parameters = as_parameters(found)

    clipped, report = clip(GlobalNorm(max_norm=1.0), found)
    norm = clip_grad_norm_(parameters, 1.0)

    # torch sums float32 squares in float32: three units in the last place
    tolerance = 3 * torch.finfo(dtype).eps
    for gradient, parameter in zip(clipped.values(), parameters, strict=True):
        assert gradient.dtype == dtype
        torch.testing.assert_close(gradient, parameter.grad, rtol=tolerance, atol=0)
    torch.testing.assert_close(report.grad_norm.to(dtype), norm, rtol=tolerance, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, FLOAT64], ids=str)
@pytest.mark.parametrize("bound", [0.1, 1.0, 100.0])
def test_value_is_torchs_clip_grad_value_bit_for_bit(dtype, bound):
    found = random_gradients(dtype)
    parameters = as_parameters(found)

    clipped, _ = clip(Value(clip_value=bound), found)
    clip_grad_value_(parameters, bound)

    for gradient, parameter in zip(clipped.values(), parameters, strict=True):
        assert torch.equal(gradient, parameter.grad)


def test_none_changes_nothing_and_reports_the_norm():
    found = {"a": tensor([3.0]), "b": tensor([4.0])}

    clipped, report = clip(NoClipping(), found)

    assert clipped == found
    assert report.grad_norm == report.clipped_grad_norm == 5.0
    assert report.scale == 1.0
    assert not report.clipped
    assert report.threshold == math.inf


def test_global_norm_shortens_3_4_to_length_1():
    clipped, report = clip(GlobalNorm(max_norm=1.0), {"g": tensor([3.0, 4.0])})

    torch.testing.assert_close(clipped["g"], tensor([0.6, 0.8]), rtol=0, atol=2e-7)
    assert float(report.scale) == pytest.approx(0.2, abs=1e-6)
    assert report.clipped
    assert report.threshold == 1.0


def test_value_turns_3_4_by_8_degrees():
    found = {"g": tensor([3.0, 4.0])}

    clipped, report = clip(Value(clip_value=1.0), found)

    assert clipped["g"].tolist() == [1.0, 1.0]
    assert math.degrees(math.acos(cosine(found, clipped))) == pytest.approx(8.13, abs=0.01)
    assert float(report.clipped_grad_norm) == pytest.approx(math.sqrt(2), rel=1e-12)


def test_value_that_equals_its_bound_is_not_clipped():
    # 0.1 in float32 is larger than 0.1 in float64
    _, report = clip(Value(clip_value=0.1), {"g": tensor([0.1, -0.1])})

    assert not report.clipped
    assert report.scale == 1.0


@pytest.mark.parametrize("name", CLIPPERS)
def test_clipper_takes_a_parameter_without_elements(name):
    # a cell without a second bias has an empty one
    found = {"weight": tensor([0.3, -0.4]), "bias": torch.empty(0)}

    clipped, report = clip(CLIPPERS[name], found)

    assert clipped["bias"].shape == (0,)
    assert float(report.grad_norm) == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("name", CLIPPERS)
def test_norms_of_float32_gradients_of_1e_minus_25_do_not_vanish(name):
    _, report = clip(CLIPPERS[name], {"g": torch.full((4096,), 1e-25)})

    assert report.grad_norm.dtype == FLOAT64
    assert float(report.grad_norm) == pytest.approx(64e-25, rel=1e-6)
    assert float(report.clipped_grad_norm) == pytest.approx(64e-25, rel=1e-6)


@pytest.mark.parametrize("name", CLIPPERS)
def test_gradient_of_zeros_stays_zero_with_scale_1(name):
    clipped, report = clip(CLIPPERS[name], {"g": torch.zeros(3)})

    assert clipped["g"].tolist() == [0.0, 0.0, 0.0]
    assert report.scale == 1.0
    assert not report.clipped


@pytest.mark.parametrize("name", CLIPPERS)
def test_clipper_over_a_run_axis_equals_a_loop_over_runs(name):
    clipper = CLIPPERS[name]
    packed = random_gradients(scale=1.0, runs=(4,))
    packed = {
        n: g * tensor([1e-3, 1.0, 1e3, 0.0]).view(4, *[1] * (g.dim() - 1))
        for n, g in packed.items()
    }

    together, _, reports = vmap(lambda found: clipper.clip(found, found, {}))(packed)

    for run in range(4):
        clipped, report = clip(clipper, {n: g[run] for n, g in packed.items()})
        for parameter, gradient in clipped.items():
            torch.testing.assert_close(together[parameter][run], gradient, rtol=1e-14, atol=0)
        for field in report._fields:
            torch.testing.assert_close(getattr(reports, field)[run], getattr(report, field))


@pytest.mark.parametrize("name", CLIPPERS)
@given(found=gradients)
@examined
def test_clipper_changes_none_of_its_arguments(name, found):
    before = {n: g.clone() for n, g in found.items()}

    clip(CLIPPERS[name], found)

    assert all(torch.equal(found[n], before[n]) for n in before)


@pytest.mark.parametrize("kind", [GlobalNorm, Value])
@given(found=gradients, bound=bounds)
@examined
def test_report_agrees_with_the_gradients(kind, found, bound):
    clipped, report = clip(kind(**{_bound_of(kind): bound}), found)

    assert float(report.grad_norm) == float(joint_norm(found))
    assert float(report.clipped_grad_norm) == pytest.approx(float(joint_norm(clipped)), rel=1e-12)
    assert float(report.scale) * float(report.grad_norm) == pytest.approx(
        float(report.clipped_grad_norm), rel=1e-12
    )
    assert 0 < float(report.scale) <= 1
    assert bool(report.clipped) == any(not torch.equal(clipped[n], found[n]) for n in found)
    assert float(report.threshold) == bound


@given(found=gradients, bound=bounds)
@examined
def test_global_norm_never_exceeds_its_bound(found, bound):
    clipped, _ = clip(GlobalNorm(max_norm=bound), found)

    assert float(joint_norm(clipped)) <= bound * (1 + 1e-12)


@given(found=gradients, bound=bounds)
@examined
def test_global_norm_leaves_shorter_gradients_as_they_are(found, bound):
    norm = float(joint_norm(found))

    clipped, report = clip(GlobalNorm(max_norm=bound), found)

    if norm + 1e-6 <= bound:
        assert all(torch.equal(clipped[n], found[n]) for n in found)
        assert not report.clipped


@given(found=gradients, bound=bounds)
@examined
def test_global_norm_keeps_the_direction(found, bound):
    clipped, report = clip(GlobalNorm(max_norm=bound), found)

    if report.grad_norm > 0:
        assert cosine(found, clipped) == pytest.approx(1.0, abs=1e-12)


@given(found=gradients, bound=bounds)
@examined
def test_global_norm_changes_nothing_the_second_time(found, bound):
    clipper = GlobalNorm(max_norm=bound)
    once, _ = clip(clipper, found)

    twice, _ = clip(clipper, once)

    # but for torch's 1e-6, which makes the norm fall short of the bound
    for name, gradient in once.items():
        torch.testing.assert_close(twice[name], gradient, rtol=1.1e-6 / bound, atol=0)


@given(found=gradients, bound=bounds)
@examined
def test_value_bounds_every_element_and_leaves_smaller_ones_as_they_are(found, bound):
    clipped, _ = clip(Value(clip_value=bound), found)

    for name, gradient in found.items():
        small = gradient.abs() <= bound
        assert torch.equal(clipped[name][small], gradient[small])
        assert torch.equal(clipped[name][~small], gradient[~small].sign() * bound)


@given(found=gradients, bound=bounds)
@examined
def test_value_changes_nothing_the_second_time(found, bound):
    clipper = Value(clip_value=bound)
    once, _ = clip(clipper, found)

    twice, report = clip(clipper, once)

    assert all(torch.equal(twice[n], once[n]) for n in once)
    assert not report.clipped


def _bound_of(kind):
    return {GlobalNorm: "max_norm", Value: "clip_value"}[kind]
