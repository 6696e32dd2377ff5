import math

import pytest
import torch
from torch import tensor

from bptt.measuring.spectrum import (
    largest_singular_value,
    orthogonality_error,
    spectral_radius,
)


def rotation(angle):
    return tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def test_scaled_rotation_has_its_scale_as_radius_and_norm():
    block = 1.5 * rotation(0.3).double()

    assert spectral_radius(block) == pytest.approx(1.5, rel=1e-7)
    assert largest_singular_value(block) == pytest.approx(1.5, rel=1e-7)


def test_nilpotent_block_has_radius_0_although_it_stretches():
    block = tensor([[0.0, 3.0], [0.0, 0.0]])

    assert spectral_radius(block) == 0.0
    assert largest_singular_value(block) == pytest.approx(3.0, rel=1e-15)


def test_spectral_radius_counts_the_magnitude_of_a_negative_eigenvalue():
    assert spectral_radius(torch.diag(tensor([0.5, -2.0]))) == pytest.approx(2.0, rel=1e-15)


def test_radius_and_norm_do_not_depend_on_the_orientation():
    block = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))

    assert spectral_radius(block.T) == pytest.approx(spectral_radius(block), rel=1e-10)
    assert largest_singular_value(block.T) == pytest.approx(
        largest_singular_value(block), rel=1e-12
    )


def test_orthogonality_error_is_0_for_a_rotation():
    block = torch.block_diag(rotation(0.3), rotation(2.0)).double()

    assert orthogonality_error(block) == pytest.approx(0.0, abs=1e-6)


def test_orthogonality_error_of_twice_the_identity_is_3_sqrt_size():
    assert orthogonality_error(2 * torch.eye(9)) == pytest.approx(9.0, rel=1e-15)


@pytest.mark.parametrize("measure", [spectral_radius, largest_singular_value, orthogonality_error])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_spectrum_of_a_block_that_is_not_finite_is_nan(measure, bad, capfd):
    block = torch.eye(3)
    block[0, 1] = bad

    assert math.isnan(measure(block))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("measure", [spectral_radius, largest_singular_value, orthogonality_error])
def test_spectrum_of_a_parameter_takes_no_part_in_the_graph(measure):
    block = torch.nn.Parameter(torch.eye(3))

    assert isinstance(measure(block), float)
