import math

import pytest
import torch
from torch import tensor

from bptt.norms import (
    ElementCounts,
    count_elements,
    effective_learning_rate,
    frobenius_norm,
    group_norms,
    update_ratio,
)

NAN, INF = math.nan, math.inf


@pytest.fixture
def flushed_denormals():
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


def test_frobenius_norm_of_a_known_vector_is_exact():
    assert frobenius_norm(tensor([[3.0], [4.0]])) == 5.0


def test_frobenius_norm_keeps_the_first_axes():
    values = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))

    norms = frobenius_norm(values, kept_axes=1)

    torch.testing.assert_close(norms, values.double().square().sum((1, 2)).sqrt())


@pytest.mark.parametrize("scale", [1e-300, 1e-25, 1e25, 1e300])
def test_frobenius_norm_is_right_where_the_squares_are_no_numbers(scale):
    values = torch.full((4096,), scale, dtype=torch.float64)

    norm = frobenius_norm(values)

    assert float(norm) == pytest.approx(64 * scale, rel=1e-14)


def test_frobenius_norm_of_float32_gradients_of_1e_minus_25_does_not_vanish():
    values = torch.full((4096,), 1e-25)

    assert float(torch.linalg.vector_norm(values)) == 0.0
    assert float(frobenius_norm(values)) == pytest.approx(64e-25, rel=1e-6)


def test_frobenius_norm_of_zeros_and_of_nothing_is_zero():
    assert frobenius_norm(torch.zeros(3)) == 0.0
    assert frobenius_norm(torch.zeros(0)) == 0.0
    assert frobenius_norm(torch.zeros(2, 0), kept_axes=1).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("values", "expected"), [([1.0, INF], INF), ([-INF, 0.0], INF), ([NAN, INF], NAN)]
)
def test_frobenius_norm_passes_on_what_is_not_finite(values, expected):
    assert float(frobenius_norm(tensor(values))) == pytest.approx(expected, nan_ok=True)


def test_frobenius_norm_of_one_bad_entry_leaves_the_others_alone():
    norms = frobenius_norm(tensor([[3.0, 4.0], [NAN, 0.0]]), kept_axes=1)

    assert norms[0] == 5.0
    assert norms[1].isnan()


def test_group_norms_join_the_tensors_of_a_group():
    tensors = {"0.weight": tensor([3.0]), "1.weight": tensor([2.0]), "0.bias": tensor([-4.0])}

    norms = group_norms(tensors, lambda name: name.split(".")[0])

    assert norms == {"0": 5.0, "1": 2.0}


def test_update_ratio_is_length_of_the_change_over_length_of_the_weights():
    before = tensor([3.0, 0.0, 4.0])
    after = tensor([3.0, 0.5, 4.0])

    assert update_ratio(before, after) == pytest.approx(0.1, rel=1e-15)


def test_update_ratio_sees_a_change_in_the_last_bit():
    before = torch.ones(1)
    after = torch.ones(1).nextafter(tensor(2.0))

    assert update_ratio(before, after) == 2.0**-23


def test_update_ratio_of_weights_that_were_zero_is_infinite_or_undefined():
    zero = torch.zeros(2)

    assert update_ratio(zero, torch.ones(2)) == INF
    assert math.isnan(update_ratio(zero, zero))


@pytest.mark.parametrize(
    ("dtype", "subnormal"), [(torch.float32, 1e-40), (torch.float64, 1e-310)], ids=str
)
def test_count_elements_tells_nonfinite_subnormal_and_zero_apart(dtype, subnormal):
    smallest_normal = torch.finfo(dtype).smallest_normal
    values = [NAN, INF, -INF, subnormal, -subnormal, 0.0, -0.0, smallest_normal, 1.0, -1.0]

    counts = count_elements({"a": tensor(values, dtype=dtype), "b": torch.zeros(2, dtype=dtype)})

    assert counts == ElementCounts(nonfinite=3, subnormal=2, zero=4)


def test_count_elements_sees_subnormals_where_denormals_are_flushed(flushed_denormals):
    bits = tensor([1, 0, 2**23], dtype=torch.int32)

    counts = count_elements({"a": bits.view(torch.float32)})

    assert counts == ElementCounts(nonfinite=0, subnormal=1, zero=1)


@pytest.mark.parametrize(
    ("grad_norm", "clipped_grad_norm", "expected"),
    [(10.0, 1.0, 0.01), (0.5, 0.5, 0.1), (0.0, 0.0, 0.1), (NAN, 1.0, NAN), (0.0, NAN, NAN)],
)
def test_effective_learning_rate_scales_with_the_clipping(grad_norm, clipped_grad_norm, expected):
    rate = effective_learning_rate(0.1, grad_norm, clipped_grad_norm)

    assert rate == pytest.approx(expected, rel=1e-15, nan_ok=True)
