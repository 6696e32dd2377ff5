import math

import torch

from bptt.measuring.lag import mean_lag_curve


def test_mean_lag_curve_takes_only_the_anchors_that_reach_a_lag():
    nan = math.nan
    curves = torch.tensor([[1.0, 2.0, nan, nan], [3.0, 6.0, 5.0, nan]], dtype=torch.float64)

    mean = mean_lag_curve(curves, [1, 2])

    assert mean.tolist() == [2.0, 4.0, 5.0]


def test_mean_lag_curve_does_not_hide_a_nan_gradient():
    curves = torch.tensor([[1.0, math.nan, math.nan], [3.0, 6.0, 5.0]], dtype=torch.float64)

    mean = mean_lag_curve(curves, [1, 2])

    assert mean[0] == 2.0
    assert mean[1].isnan()
    assert mean[2] == 5.0
