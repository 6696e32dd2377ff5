import math

import pytest
import torch
from torch import tensor

from bptt.measuring.decay import Decay, fit_decay
from bptt_plugins.cells.rnn import RNN
from tests.numerics.plain_gradients import gradient_norms

NAN, INF = math.nan, math.inf


def geometric(per_step, lags=101):
    return 3.0 * torch.full((lags,), per_step, dtype=torch.float64).pow(torch.arange(lags))


def test_decay_of_a_geometric_curve_is_exact():
    decay = fit_decay(geometric(0.5))

    assert decay.slope == pytest.approx(-math.log10(2), rel=1e-12)
    assert decay.half_life == pytest.approx(1.0, rel=1e-12)
    assert decay.horizon == 4.0
    assert decay.ratio == pytest.approx(-100 * math.log10(2), rel=1e-12)


def test_decay_of_a_growing_curve_never_halves_and_has_no_horizon():
    decay = fit_decay(geometric(1.1))

    assert decay.slope == pytest.approx(math.log10(1.1), rel=1e-12)
    assert decay.half_life == INF
    assert decay.horizon == INF
    assert decay.ratio == pytest.approx(100 * math.log10(1.1), rel=1e-12)


def test_decay_of_a_constant_curve_is_none():
    assert fit_decay(geometric(1.0)) == Decay(slope=0.0, half_life=INF, horizon=INF, ratio=0.0)


def test_decay_fits_only_the_lags_it_is_told():
    curve = torch.cat([tensor([1e5, 1e9, 7.0], dtype=torch.float64), geometric(0.1, 20)])

    slope = fit_decay(curve, first_lag=3).slope

    assert slope == pytest.approx(-1.0, rel=1e-12)


@pytest.mark.parametrize("bad", [0.0, NAN, INF])
def test_decay_ignores_values_without_a_logarithm_in_the_fit(bad):
    curve = geometric(0.1, 10)
    curve[4] = bad

    assert fit_decay(curve).slope == pytest.approx(-1.0, rel=1e-12)


def test_decay_of_a_gradient_that_vanished_altogether_has_ratio_minus_infinity():
    decay = fit_decay(tensor([1.0, 0.01, 0.0, 0.0]))

    assert decay == Decay(
        slope=pytest.approx(-2.0), half_life=pytest.approx(0.150515), horizon=1.0, ratio=-INF
    )


def test_horizon_is_the_first_lag_below_a_tenth():
    assert fit_decay(tensor([10.0, 1.0, 0.99, 20.0, 0.5])).horizon == 2.0


@pytest.mark.parametrize("newest", [0.0, NAN, INF])
def test_horizon_and_ratio_are_undefined_without_a_gradient_at_lag_0(newest):
    decay = fit_decay(tensor([newest, 1.0, 0.1, 0.01]))

    assert decay.slope == pytest.approx(-1.0, rel=1e-6)
    assert math.isnan(decay.horizon)
    assert math.isnan(decay.ratio)


def test_ratio_is_undefined_if_the_gradient_at_the_largest_lag_is():
    assert math.isnan(fit_decay(tensor([1.0, 0.1, NAN])).ratio)


@pytest.mark.parametrize("curve", [[1.0], [1.0, 0.0, NAN], [0.0, 0.0]])
def test_slope_and_half_life_are_undefined_with_fewer_than_two_values(curve):
    decay = fit_decay(tensor(curve))

    assert math.isnan(decay.slope)
    assert math.isnan(decay.half_life)


@pytest.mark.parametrize("radius", [0.5, 0.8, 0.95, 1.0, 1.05, 1.2, 1.5])
def test_gradient_of_a_linear_network_decays_as_its_spectral_radius(unroll, radius):
    torch.manual_seed(0)
    cell = RNN(
        2, 64, nonlinearity="identity", recurrent_init="gaussian", spectral_radius=radius
    ).double()
    steps = unroll(cell, torch.randn(100, 1, 2, dtype=torch.float64))
    read_out = torch.randn(64, dtype=torch.float64)

    norms = gradient_norms((steps[-1][0] @ read_out).sum(), [h for (h,) in steps])
    slope = fit_decay(norms.flip(0), first_lag=20).slope

    assert slope * math.log(10) == pytest.approx(math.log(radius), abs=0.01)
