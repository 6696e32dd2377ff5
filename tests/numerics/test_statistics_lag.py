import math

import pytest
import torch

from bptt.measuring import lag_curves, mean_lag_curve, state_gradient_norms
from bptt_plugins.cells.gru import GRU

TIME, BATCH, HIDDEN = 6, 2, 3


@pytest.fixture
def network(unroll):
    """Return (cell, x, states before and after each step, the loss at a position)."""
    torch.manual_seed(1)
    cell = GRU(2, HIDDEN).double()
    x = torch.randn(TIME, BATCH, 2, dtype=torch.float64)
    target = torch.randn(BATCH, HIDDEN, dtype=torch.float64)

    def loss(h):
        return (h - target).square().sum()

    return cell, x, unroll(cell, x), loss


def test_lag_curves_equal_finite_differences(network):
    cell, x, steps, loss = network
    states = [h for (h,) in steps[1:]]
    anchors = [2, 5]

    curves = lag_curves([loss(states[t]) for t in anchors], anchors, {"h": states})["h"]

    def loss_from(start, h, end):
        for t in range(start + 1, end + 1):
            (h,) = cell(x[t], (h,))
        return loss(h).item()

    for row, t in enumerate(anchors):
        for k in range(t + 1):
            h = states[t - k].detach()
            differences = torch.zeros_like(h)
            for index in range(h.numel()):
                nudge = torch.zeros(h.numel(), dtype=h.dtype)
                nudge[index] = 1e-6
                nudge = nudge.view_as(h)
                rise = loss_from(t - k, h + nudge, t) - loss_from(t - k, h - nudge, t)
                differences.view(-1)[index] = rise / 2e-6
            expected = float(differences.norm())
            assert float(curves[row, k]) == pytest.approx(expected, rel=1e-6)


def test_lag_curves_are_nan_exactly_where_the_sequence_has_not_begun(network):
    _, _, steps, loss = network
    states = [h for (h,) in steps[1:]]
    anchors = [0, 3, 5]

    curves = lag_curves([loss(states[t]) for t in anchors], anchors, {"h": states})["h"]

    assert curves.shape == (3, TIME)
    assert curves.isnan().tolist() == [[k > t for k in range(TIME)] for t in anchors]


def test_lag_curve_of_the_last_position_is_the_flow_turned_around(network):
    _, _, steps, loss = network
    states = [h for (h,) in steps[1:]]
    last = loss(states[-1])

    curves = lag_curves([last], [TIME - 1], {"h": states}, retain_graph=True)

    torch.testing.assert_close(curves["h"][0], state_gradient_norms(last, states).flip(0))


def test_lag_curves_of_a_backward_direction_look_at_later_positions(network):
    _, _, steps, loss = network
    read_order = [h for (h,) in steps[1:]]
    by_position = read_order[::-1]
    anchor = 1
    in_read_order = TIME - 1 - anchor

    backward = lag_curves(
        [loss(by_position[anchor])],
        [anchor],
        {"h": by_position},
        against_time=["h"],
        retain_graph=True,
    )["h"]
    forward = lag_curves([loss(by_position[anchor])], [in_read_order], {"h": read_order})["h"]

    torch.testing.assert_close(backward, forward, equal_nan=True)
    assert int(backward.isfinite().sum()) == in_read_order + 1


def test_lag_curves_of_an_unused_list_are_zero(network):
    _, _, steps, loss = network
    states = [h for (h,) in steps[1:]]
    idle = [torch.ones(BATCH, HIDDEN, requires_grad=True) for _ in states]

    curves = lag_curves([loss(states[2])], [2], {"h": states, "idle": idle})

    assert curves["idle"][0, :3].tolist() == [0.0, 0.0, 0.0]


def test_lag_curves_keep_the_graph_only_if_asked(network):
    _, _, steps, loss = network
    states = [h for (h,) in steps[1:]]
    losses = [loss(states[2]), loss(states[5])]

    lag_curves(losses, [2, 5], {"h": states}, retain_graph=True)
    lag_curves(losses, [2, 5], {"h": states})

    with pytest.raises(RuntimeError, match="second time"):
        lag_curves(losses, [2, 5], {"h": states})


def test_mean_lag_curve_takes_only_the_anchors_that_reach_a_lag():
    nan = math.nan
    curves = torch.tensor([[1.0, 2.0, nan, nan], [3.0, 6.0, 5.0, nan]], dtype=torch.float64)

    mean = mean_lag_curve(curves, [1, 2])

    assert mean.tolist() == [2.0, 4.0, 5.0]


def test_mean_lag_curve_of_a_backward_direction_counts_from_the_end():
    nan = math.nan
    curves = torch.tensor([[1.0, 2.0, 4.0, nan], [3.0, nan, nan, nan]], dtype=torch.float64)

    mean = mean_lag_curve(curves, [1, 3], against_time=True)

    assert mean.tolist() == [2.0, 2.0, 4.0]


def test_mean_lag_curve_does_not_hide_a_nan_gradient():
    curves = torch.tensor([[1.0, math.nan, math.nan], [3.0, 6.0, 5.0]], dtype=torch.float64)

    mean = mean_lag_curve(curves, [1, 2])

    assert mean[0] == 2.0
    assert mean[1].isnan()
    assert mean[2] == 5.0
