import pytest
import torch

from bptt.measuring import flow_curves, state_gradient_norms
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.rnn import RNN


@pytest.fixture
def two_layers(unroll):
    """Two LSTM layers over 12 steps; returns a loss on the last output, and all states."""
    torch.manual_seed(0)
    below, above = LSTM(3, 4).double(), LSTM(4, 5).double()
    x = torch.randn(12, 2, 3, dtype=torch.float64)
    first = unroll(below, x)[1:]
    second, state = [], above.initial_state(2)
    for h, _ in first:
        state = above(h, state)
        second.append(state)
    loss = (state[0] * torch.randn(2, 5, dtype=torch.float64)).sum()
    states = {
        f"{layer}/{name}": [state[i] for state in steps]
        for layer, steps in enumerate((first, second))
        for i, name in enumerate(("h", "c"))
    }
    return loss, states


def scalar_chain(factors, dtype=torch.float64):
    """Return the states s_t = factor_t * s_{t-1} of a chain that starts at 1."""
    states = [torch.ones(1, 1, dtype=dtype, requires_grad=True)]
    for factor in factors:
        states.append(states[-1] * factor)
    return states


def test_flow_equals_retain_grad_for_every_state_of_every_layer(two_layers):
    loss, states = two_layers
    for steps in states.values():
        for state in steps:
            state.retain_grad()

    loss.backward(retain_graph=True)
    expected = {
        name: [0.0 if s.grad is None else float(s.grad.norm()) for s in steps]
        for name, steps in states.items()
    }

    curves = flow_curves(loss, states)

    assert {name: curve.tolist() for name, curve in curves.items()} == {
        name: pytest.approx(norms, rel=1e-12, abs=0) for name, norms in expected.items()
    }
    assert all((curve[:-1] > 0).all() for curve in curves.values())


def test_flow_through_a_linear_chain_is_the_product_of_the_later_factors():
    states = scalar_chain([2.0, 3.0, 5.0])

    norms = state_gradient_norms(states[-1].sum(), states)

    assert norms.tolist() == [30.0, 15.0, 5.0, 1.0]
    assert norms.dtype == torch.float64


def test_flow_of_several_lists_equals_that_of_each_alone(two_layers):
    loss, states = two_layers

    together = flow_curves(loss, states, retain_graph=True)

    for name, steps in states.items():
        alone = state_gradient_norms(loss, steps, retain_graph=True)
        torch.testing.assert_close(together[name], alone, rtol=0, atol=0)


def test_flow_of_several_lists_takes_one_backward_pass(two_layers):
    loss, states = two_layers
    passes = []
    states["0/h"][0].register_hook(lambda _: passes.append(1))

    flow_curves(loss, states)

    assert len(passes) == 1


def test_flow_is_zero_for_states_the_loss_does_not_depend_on():
    states = scalar_chain([2.0, 3.0, 5.0])

    norms = state_gradient_norms(states[1].sum(), states)

    assert norms.tolist() == [2.0, 1.0, 0.0, 0.0]


def test_flow_ends_where_the_gradient_was_cut():
    states = scalar_chain([2.0, 3.0])
    after_cut = scalar_chain([5.0])

    norms = state_gradient_norms(after_cut[-1].sum(), states + after_cut)

    assert norms.tolist() == [0.0, 0.0, 0.0, 5.0, 1.0]


def test_flow_of_float32_states_of_1e_minus_25_is_not_lost_in_the_squares():
    states = scalar_chain([1e-5] * 5, dtype=torch.float32)

    norms = state_gradient_norms(states[-1].sum(), states)

    expected = torch.logspace(-25, 0, 6, dtype=torch.float64)
    torch.testing.assert_close(norms, expected, rtol=1e-5, atol=0)


def test_flow_is_right_down_to_the_smallest_float64():
    states = scalar_chain([1e-2] * 150)

    norms = state_gradient_norms(states[-1].sum(), states)

    expected = torch.logspace(-300, 0, 151, dtype=torch.float64)
    torch.testing.assert_close(norms, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_flow_passes_on_what_is_not_finite(factor):
    states = scalar_chain([2.0, factor, 3.0])

    norms = state_gradient_norms(states[-1].sum(), states)

    assert not norms[:2].isfinite().any()
    assert norms[2:].tolist() == [3.0, 1.0]


def test_flow_leaves_the_graph_for_another_pass_only_if_asked():
    states = scalar_chain([2.0, 3.0])
    loss = states[-1].square().sum()

    state_gradient_norms(loss, states, retain_graph=True)
    state_gradient_norms(loss, states)

    with pytest.raises(RuntimeError, match="second time"):
        state_gradient_norms(loss, states)


def test_flow_leaves_no_gradients_behind(unroll):
    cell = RNN(2, 3)
    steps = unroll(cell, torch.randn(4, 1, 2))

    state_gradient_norms(steps[-1][0].sum(), [h for (h,) in steps])

    assert all(parameter.grad is None for parameter in cell.parameters())
