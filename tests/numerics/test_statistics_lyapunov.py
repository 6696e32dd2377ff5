import math

import pytest
import torch

from bptt.measuring.jacobian import step_jacobians
from bptt.measuring.lag_curves import LagCurves
from bptt.measuring.lyapunov import backward_exponents, backward_sum, lyapunov_sum
from bptt.measuring.product import backward_triangles
from bptt_plugins.cells.rnn import RNN
from tests.numerics.plain_gradients import gradient_norms

FLOAT64 = torch.float64
EIGENVALUES = torch.tensor([0.3, -1.1, 0.7, 0.05], dtype=FLOAT64)
EXPONENTS = EIGENVALUES.abs().log().sort(descending=True).values


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=FLOAT64)


def exponents_of(jacobians, count):
    return backward_exponents(backward_triangles(jacobians), len(jacobians), count)


def test_exponents_of_a_diagonal_system_are_the_logarithms_of_its_eigenvalues():
    jacobians = torch.diag(EIGENVALUES).expand(400, 4, 4)

    exponents = exponents_of(jacobians, 4)

    torch.testing.assert_close(exponents, EXPONENTS, rtol=0, atol=1e-9)


def test_exponents_do_not_depend_on_the_basis():
    basis = random(4, 4)
    jacobian = basis @ torch.diag(EIGENVALUES) @ torch.linalg.inv(basis)

    exponents = exponents_of(jacobian.expand(400, 4, 4), 4)

    torch.testing.assert_close(exponents, EXPONENTS, rtol=0, atol=1e-9)


def test_exponents_of_an_orthogonal_recurrence_are_zero():
    jacobians = torch.linalg.qr(random(100, 6, 6)).Q

    exponents = exponents_of(jacobians, 6)

    torch.testing.assert_close(exponents, torch.zeros(6, dtype=FLOAT64), rtol=0, atol=1e-13)


def test_exponents_of_a_system_that_shrinks_by_1e_800_are_right():
    jacobians = 1e-4 * torch.linalg.qr(random(200, 3, 3)).Q

    exponents = exponents_of(jacobians, 3)

    torch.testing.assert_close(exponents, torch.full((3,), math.log(1e-4), dtype=FLOAT64))


def test_fewer_exponents_are_the_first_of_all():
    jacobians = random(50, 5, 5)

    torch.testing.assert_close(exponents_of(jacobians, 2), exponents_of(jacobians, 5)[:2])


def test_more_exponents_than_the_state_has_are_all_of_them():
    assert exponents_of(random(50, 3, 3), 10).shape == (3,)


def test_exponents_are_the_same_at_each_call_whatever_the_global_generator():
    jacobians = random(20, 4, 4)
    torch.manual_seed(1)
    first = exponents_of(jacobians, 4)
    torch.manual_seed(2)

    second = exponents_of(jacobians, 4)

    assert first.tolist() == second.tolist()


def test_exponents_forget_the_last_tenth_of_the_steps():
    jacobians = torch.diag(EIGENVALUES).repeat(400, 1, 1)
    jacobians[-40:] *= 1000.0

    torch.testing.assert_close(exponents_of(jacobians, 4), EXPONENTS, rtol=0, atol=1e-9)
    jacobians[-41] *= 1000.0
    more = math.log(1000.0) / 360
    torch.testing.assert_close(exponents_of(jacobians, 4), EXPONENTS + more, rtol=0, atol=1e-9)


def test_a_single_step_has_no_exponents():
    assert exponents_of(random(1, 3, 3), 2).isnan().tolist() == [True, True]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_exponents_of_jacobians_that_are_not_finite_are_not_finite(bad):
    jacobians = random(10, 3, 3)
    jacobians[4, 0, 0] = bad

    assert exponents_of(jacobians, 2).isnan().all()
    assert not lyapunov_sum(jacobians).isfinite()


def test_exponents_of_steps_that_let_nothing_pass_are_minus_infinity():
    assert exponents_of(torch.zeros(5, 3, 3), 2).tolist() == [-math.inf, -math.inf]


def test_sum_of_all_exponents_is_the_mean_logarithm_of_the_determinant():
    jacobians = random(30, 5, 5)
    expected = torch.linalg.det(jacobians).abs().log().mean()

    torch.testing.assert_close(lyapunov_sum(jacobians), expected)
    torch.testing.assert_close(backward_sum(backward_triangles(jacobians), jacobians), expected)


def test_lyapunov_sum_of_a_singular_step_is_minus_infinity():
    assert lyapunov_sum(torch.zeros(5, 3, 3)) == -math.inf


@pytest.mark.parametrize("radius", [0.5, 0.95, 1.0, 1.2, 1.5])
def test_gradient_of_a_tanh_network_decays_as_its_first_exponent_not_its_radius(
    unroll, states_before, radius
):
    torch.manual_seed(0)
    cell = RNN(2, 64, recurrent_init="gaussian", spectral_radius=radius).double()
    x = torch.randn(400, 4, 2, dtype=FLOAT64)
    steps = unroll(cell, x)
    read_out = torch.randn(64, dtype=FLOAT64)

    norms = gradient_norms((steps[-1][0] @ read_out).sum(), [h for (h,) in steps])
    # from lag 20 on: the first of a curve does not count
    slope = LagCurves(norms.flip(0)[None, 19:].log10().numpy()).slope * math.log(10)
    jacobians = step_jacobians(cell, x, states_before(cell, x))
    largest = sum(float(exponents_of(jacobians[:, number], 1)) for number in range(4)) / 4

    assert slope == pytest.approx(largest, abs=0.04)
    if radius == 1.2:
        assert slope < 0


def test_directions_that_a_step_takes_away_have_no_exponent():
    generator = torch.Generator().manual_seed(1)
    jacobians = torch.randn(30, 6, 6, generator=generator, dtype=torch.float64)
    # two units are dead at one step
    jacobians[12, 3:5] = 0.0

    found = exponents_of(jacobians, 6)

    assert found[:4].isfinite().all()
    assert (found[4:] == -torch.inf).all()
