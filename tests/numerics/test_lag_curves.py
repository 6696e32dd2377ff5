"""What a lag curve comes to: slope, half-life, horizon, ratio and the chained curve."""

import math

import numpy as np
import pytest
import torch

from bptt.measuring.lag_curves import LagCurves, lag_curves, scalars_of
from bptt_plugins.cells.rnn import RNN
from tests.histories import staircase
from tests.numerics.plain_gradients import gradient_norms

NAN, INF = math.nan, math.inf


def of_norms(*rows):
    with np.errstate(divide="ignore"):
        return LagCurves(np.log10(np.array(rows, dtype=np.float64)))


def geometric(per_step, lags=101):
    return 3.0 * per_step ** np.arange(lags)


def test_anchors_that_all_fall_have_a_falling_slope_and_curve():
    pooled = np.log10(np.nanmean(staircase()["lag/0/forward/h"], axis=0))[1:]
    lags = np.arange(1, 7)

    found = lag_curves(staircase())

    # what a mean over the anchors that have a lag makes of it
    assert np.polyfit(lags, pooled, 1)[0] == pytest.approx(0.00806, abs=1e-5)
    assert found.slope == pytest.approx(-0.1, rel=1e-12)
    assert found.chained - found.chained[0] == pytest.approx(-0.1 * np.arange(7), abs=1e-12)
    assert found.chained[0] == pytest.approx(-2)
    assert found.alone_from == 5


def test_slope_is_the_regression_with_a_level_for_each_anchor():
    generator = np.random.default_rng(0)
    rows = np.full((4, 30), NAN)
    for row, lags in enumerate((30, 22, 9, 2)):
        rows[row, :lags] = generator.normal(size=lags)
    levels, y, x = [], [], []
    for row in range(4):
        for lag in range(1, 30):
            if np.isfinite(rows[row, lag]):
                levels.append(np.eye(4)[row])
                x.append(lag)
                y.append(rows[row, lag])

    found = LagCurves(rows)

    fitted = np.linalg.lstsq(np.column_stack([x, levels]), np.array(y), rcond=None)[0]
    assert found.slope == pytest.approx(fitted[0], rel=1e-12)
    # the last has a single lag beyond 0
    assert np.isnan(found.slopes).tolist() == [False, False, False, True]


def test_single_anchor_is_its_own_curve():
    curve = geometric(0.9, 20)

    found = of_norms(curve)

    assert found.chained.tolist() == np.log10(curve).tolist()
    assert found.slope == pytest.approx(np.polyfit(range(1, 20), np.log10(curve[1:]), 1)[0])
    assert found.alone_from is None


def test_chained_curve_goes_on_with_the_anchors_that_are_left():
    found = of_norms([1.0, 0.1, NAN, NAN], [1e-4, 1e-6, 1e-7, 0.0], [1e-2, 1e-4, NAN, NAN])

    steps = [-2, -5 / 3, -1]
    assert found.chained[:3] == pytest.approx(np.cumsum(steps))
    assert found.chained[3] == -INF
    assert found.ratio == -INF
    assert found.alone_from == 2


def test_ratio_of_truncated_curves_is_that_at_the_last_lag_within_a_window():
    found = of_norms([1.0, 0.1, 0.01, NAN], [1.0, 0.1, NAN, NAN])

    assert found.ratio == pytest.approx(-2)


def test_single_slopes_that_differ_in_sign_are_told():
    arrays = staircase()
    arrays["lag/0/forward/h"][1, :5] = 10.0 ** (0.2 * np.arange(5))

    found = scalars_of(arrays)

    assert found["flow/slope_lowest"] == pytest.approx(-0.1)
    assert found["flow/slope_highest"] == pytest.approx(0.2)


def test_layers_are_taken_together_and_each_alone():
    curves = np.array([[1.0, 0.5, 0.25, 0.125]])
    arrays = {
        "anchors": np.array([3.0]),
        "lag/0/forward/h": 3 * curves,
        "lag/0/backward/h": curves[:, ::-1],
        "lag/1/forward/h": 4 * curves**2,
    }

    found = scalars_of(arrays)

    both = np.hypot(3 * curves, 4 * curves**2)
    assert found["flow/slope"] == of_norms(*both).slope
    assert found["flow/slope_backward"] == pytest.approx(math.log10(2))
    assert found["flow/reach"] == pytest.approx(math.log10(3 / 8 / 4))
    assert found["layer/0_slope"] == pytest.approx(-math.log10(2))
    assert found["layer/1_slope"] == pytest.approx(-2 * math.log10(2))
    assert found["layer/0_backward_slope"] == pytest.approx(math.log10(2))


def test_one_cell_with_one_anchor_has_no_figures_beside_the_headline():
    arrays = {"anchors": np.array([3.0]), "lag/0/forward/h": geometric(0.5, 4)[None]}

    found = scalars_of(arrays)

    assert set(found) == {
        f"flow/{name}" for name in ("slope", "half_life", "horizon", "ratio", "reach")
    }
    assert found["flow/reach"] == found["flow/ratio"]


def test_decay_of_a_geometric_curve_is_exact():
    found = of_norms(geometric(0.5))

    assert found.slope == pytest.approx(-math.log10(2), rel=1e-12)
    assert found.half_life == pytest.approx(1.0, rel=1e-12)
    assert found.horizon == 4.0
    assert found.ratio == pytest.approx(-100 * math.log10(2), rel=1e-12)


def test_decay_of_a_growing_curve_never_halves_and_has_no_horizon():
    found = of_norms(geometric(1.1))

    assert found.slope == pytest.approx(math.log10(1.1), rel=1e-12)
    assert found.half_life == INF
    assert found.horizon == INF
    assert found.ratio == pytest.approx(100 * math.log10(1.1), rel=1e-12)


def test_decay_of_a_constant_curve_is_none():
    found = of_norms(geometric(1.0))

    assert (found.slope, found.half_life, found.horizon, found.ratio) == (0.0, INF, INF, 0.0)


def test_lag_0_does_not_count_in_the_slope():
    assert of_norms([1e5, *geometric(0.1, 20)]).slope == pytest.approx(-1.0, rel=1e-12)


@pytest.mark.parametrize("bad", [0.0, NAN, INF])
def test_decay_ignores_values_without_a_logarithm_in_the_fit(bad):
    curve = geometric(0.1, 10)
    curve[4] = bad

    assert of_norms(curve).slope == pytest.approx(-1.0, rel=1e-12)


def test_decay_of_a_gradient_that_vanished_altogether_has_ratio_minus_infinity():
    found = of_norms([1.0, 0.1, 0.001, 0.0, 0.0])

    assert found.slope == pytest.approx(-2.0)
    assert found.half_life == pytest.approx(0.150515)
    assert (found.horizon, found.ratio) == (2.0, -INF)


def test_horizon_is_the_first_lag_below_a_tenth():
    assert of_norms([10.0, 1.0, 0.99, 20.0, 0.5]).horizon == 2.0


@pytest.mark.parametrize("newest", [0.0, NAN, INF])
def test_horizon_and_ratio_are_undefined_without_a_gradient_at_lag_0(newest):
    found = of_norms([newest, 1.0, 0.1, 0.01])

    assert found.slope == pytest.approx(-1.0, rel=1e-6)
    assert math.isnan(found.horizon)
    assert math.isnan(found.ratio)


def test_ratio_is_undefined_if_the_gradient_at_the_largest_lag_is():
    assert math.isnan(of_norms([1.0, 0.1, NAN]).ratio)


@pytest.mark.parametrize("curve", [[1.0], [1.0, 1.0, 0.0, NAN], [0.0, 0.0, 0.0]])
def test_slope_and_half_life_are_undefined_with_fewer_than_two_values(curve):
    found = of_norms(curve)

    assert math.isnan(found.slope)
    assert math.isnan(found.half_life)


@pytest.mark.parametrize("radius", [0.5, 0.8, 0.95, 1.0, 1.05, 1.2, 1.5])
def test_gradient_of_a_linear_network_decays_as_its_spectral_radius(unroll, radius):
    torch.manual_seed(0)
    cell = RNN(
        2, 64, nonlinearity="identity", recurrent_init="gaussian", spectral_radius=radius
    ).double()
    steps = unroll(cell, torch.randn(100, 1, 2, dtype=torch.float64))
    read_out = torch.randn(64, dtype=torch.float64)

    norms = gradient_norms((steps[-1][0] @ read_out).sum(), [h for (h,) in steps])
    slope = of_norms(norms.flip(0).numpy()[19:]).slope

    assert slope * math.log(10) == pytest.approx(math.log(radius), abs=0.01)
