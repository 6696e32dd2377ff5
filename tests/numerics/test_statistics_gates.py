import math

import pytest
import torch
from torch import tensor

from bptt.measuring.gates import gate_statistics, keep_timescale, keep_value


def test_gate_statistics_are_mean_and_the_fractions_at_both_ends():
    values = tensor([[0.0, 0.05, 0.5], [0.95, 0.95, 0.99]], dtype=torch.float64)

    mean, closed, opened = gate_statistics(values).tolist()

    assert mean == pytest.approx(3.44 / 6, rel=1e-12)
    assert closed == pytest.approx(2 / 6, rel=1e-12)
    assert opened == pytest.approx(3 / 6, rel=1e-12)


def test_gate_statistics_do_not_count_the_bounds_themselves():
    assert gate_statistics(tensor([0.1, 0.9], dtype=torch.float64)).tolist() == [0.5, 0.0, 0.0]


@pytest.mark.parametrize("values", [[0.05, math.nan], []])
def test_gate_statistics_are_nan_if_a_value_is_or_there_is_none(values):
    assert gate_statistics(tensor(values)).isnan().tolist() == [True, True, True]


@pytest.mark.parametrize(
    ("role", "expected"), [("keep", 0.2), ("write", 0.8), ("read", 0.2), ("reset", 0.2)]
)
def test_keep_value_turns_a_write_gate_around_and_no_other(role, expected):
    assert float(keep_value(tensor(0.2), role)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("bias", "steps"), [(0, 1.44), (1, 3.19), (3, 20.6), (5, 148.9)])
def test_keep_timescale_of_a_constant_gate_is_what_its_bias_buys(bias, steps):
    values = torch.full((7, 4), float(bias)).sigmoid()

    assert keep_timescale(values) == pytest.approx(steps, rel=0.005)


def test_keep_timescale_of_a_gate_that_always_or_never_keeps():
    assert keep_timescale(torch.ones(3)) == math.inf
    assert keep_timescale(torch.zeros(3)) == 0.0


def test_keep_timescale_of_nan_is_nan():
    assert math.isnan(keep_timescale(tensor([0.5, math.nan])))
