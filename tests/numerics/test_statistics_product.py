import math

import pytest
import torch

from bptt.measuring.jacobian import step_jacobians
from bptt.measuring.product import product_spectrum
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.rnn import RNN

FLOAT64 = torch.float64


def orthogonal(count, size, seed=0):
    """Return `count` random orthogonal matrices."""
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(count, size, size, generator=generator, dtype=FLOAT64)).Q


def three(singular_values):
    """Return log10 of largest, lower median and smallest along the last axis."""
    descending = singular_values.sort(descending=True).values.log10()
    return descending[..., [0, descending.shape[-1] // 2, -1]]


def test_product_of_orthogonal_steps_has_a_flat_spectrum():
    spectrum = product_spectrum(orthogonal(200, 8))

    assert spectrum.shape == (201, 3)
    torch.testing.assert_close(spectrum, torch.zeros(201, 3, dtype=FLOAT64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_product_of_200_steps_neither_under_nor_overflows(scale):
    spectrum = product_spectrum(scale * orthogonal(200, 8))

    expected = math.log10(scale) * torch.arange(201, dtype=FLOAT64)
    torch.testing.assert_close(spectrum, expected.unsqueeze(1).expand(-1, 3), rtol=1e-12, atol=0)


@pytest.mark.parametrize("size", [5, 6])
def test_product_spectrum_is_exact_over_hundreds_of_decades(size):
    # J_t = Q_t D Q_{t-1}^T, so that the product over k steps has the singular values D^k
    frames = orthogonal(121, size)
    decades = torch.linspace(0.5, -3.0, size, dtype=FLOAT64)
    jacobians = frames[1:] @ torch.diag(10**decades) @ frames[:-1].mT

    spectrum = product_spectrum(jacobians)

    assert spectrum[-1, 2] == pytest.approx(-360.0, abs=1e-6)
    expected = torch.arange(121).unsqueeze(1) * three(10**decades)
    torch.testing.assert_close(spectrum, expected, rtol=1e-9, atol=1e-9)


def test_product_spectrum_does_not_depend_on_the_order_of_the_axes():
    sizes = torch.tensor([1e-3, 10.0, 0.1, 1e-5, 2.0], dtype=FLOAT64)

    spectrum = product_spectrum(torch.diag(sizes).expand(150, 5, 5))

    expected = 150 * three(sizes)
    torch.testing.assert_close(spectrum[150], expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("make", [RNN, LSTM], ids=["rnn", "lstm"])
def test_product_spectrum_equals_the_svd_of_the_product_while_that_is_right(make, states_before):
    torch.manual_seed(0)
    cell = make(2, 6).double()
    x = torch.randn(20, 1, 2, dtype=FLOAT64)
    jacobians = step_jacobians(cell, x, states_before(cell, x)).squeeze(1)

    spectrum = product_spectrum(jacobians)

    product = torch.eye(jacobians.shape[-1], dtype=FLOAT64)
    for lag in range(1, 21):
        product = product @ jacobians[20 - lag]
        values = three(torch.linalg.svdvals(product))
        # what lies 1e-10 below the largest is rounding in the plain product
        resolved = values > values[0] - 10
        torch.testing.assert_close(
            spectrum[lag][resolved], values[resolved], rtol=0, atol=2e-5, msg=f"lag {lag}"
        )


def test_product_spectrum_follows_a_direction_that_first_grows_and_then_dies():
    grows = torch.diag(torch.tensor([10.0, 0.1, 0.01], dtype=FLOAT64))
    dies = torch.diag(torch.tensor([0.1, 10.0, 0.01], dtype=FLOAT64))

    spectrum = product_spectrum(torch.stack([dies] * 60 + [grows] * 30))

    expected = torch.tensor([[30.0, -30.0, -60.0], [30.0, -30.0, -180.0]], dtype=FLOAT64)
    torch.testing.assert_close(spectrum[[30, 90]], expected, rtol=1e-9, atol=0)


def test_product_goes_back_from_the_last_step():
    first, last = torch.diag(torch.tensor([2.0, 2.0])), torch.diag(torch.tensor([0.1, 0.1]))

    largest = product_spectrum(torch.stack([first, last]))[:, 0]

    torch.testing.assert_close(10**largest, torch.tensor([1.0, 0.1, 0.2], dtype=FLOAT64))


def test_product_spectrum_of_chosen_lags_is_those_rows_of_all():
    jacobians = torch.randn(30, 4, 4, generator=torch.Generator().manual_seed(0), dtype=FLOAT64)

    chosen = product_spectrum(jacobians, [1, 10, 0, 30])

    torch.testing.assert_close(chosen, product_spectrum(jacobians)[[1, 10, 0, 30]])


def test_product_spectrum_of_singular_steps_is_minus_infinity_where_nothing_passes():
    # each step lets two of four directions pass, the same two but for rounding
    frames = orthogonal(51, 4)
    jacobians = frames[1:] @ torch.diag(torch.tensor([0.5, 0, 3, 0])).double() @ frames[:-1].mT

    spectrum = product_spectrum(jacobians)

    expected = torch.tensor([50 * math.log10(3), -math.inf, -math.inf], dtype=FLOAT64)
    torch.testing.assert_close(spectrum[50], expected, rtol=1e-9, atol=0)


def test_product_spectrum_of_steps_that_let_nothing_pass_is_minus_infinity():
    spectrum = product_spectrum(torch.zeros(3, 4, 4))

    assert spectrum[0].tolist() == [0.0, 0.0, 0.0]
    assert (spectrum[1:] == -math.inf).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_product_spectrum_is_nan_from_the_step_that_is_not_finite(bad):
    jacobians = orthogonal(5, 3).clone()
    jacobians[2, 1, 1] = bad

    spectrum = product_spectrum(jacobians)

    assert spectrum[:3].isfinite().all()
    assert spectrum[3:].isnan().all()
