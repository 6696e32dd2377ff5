import math
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from bptt.contracts import PointwiseCell
from bptt.measuring.spectrum import orthogonality_error, spectral_radius
from bptt_plugins.cells.gru import GRU
from bptt_plugins.cells.gru_cho import GRUCho
from bptt_plugins.cells.gru_chung import GRUChung
from bptt_plugins.cells.lru import LRU
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.mingru import MinGRU
from bptt_plugins.cells.minlstm import MinLSTM
from bptt_plugins.cells.rnn import RNN

HIDDEN = 64


class Leaky(PointwiseCell):
    """A cell with a trainable decay per unit."""

    states = ("h",)
    preactivations: ClassVar = {"a": "x+h"}
    vectors: ClassVar = {"decay": (0.25, 0.5)}

    def step(self, a: Tensor, h: Tensor, decay: Tensor) -> Tensor:
        return decay * h + torch.tanh(a)


def build(kind, hidden=HIDDEN, seed=0, horizon=None, **options):
    torch.manual_seed(seed)
    cell = kind(3, hidden, **options)
    if horizon is not None:
        torch.manual_seed(seed)
        cell.reset_parameters(horizon)
    return cell


def total_bias(cell, gate):
    """Return the sum of the biases of one gate."""
    total = torch.zeros(cell.hidden_size)
    for names, bias in (
        (cell.input_biased, cell.input_bias),
        (cell.state_biased, cell.recurrent_bias),
    ):
        if gate in names:
            start = names.index(gate) * cell.hidden_size
            total = total + bias.detach()[start : start + cell.hidden_size]
    return total


KEEP_GATES = {
    "lstm": (LSTM, {}, "f", 1.0),
    "lstm with two biases": (LSTM, {"biases": 2}, "f", 1.0),
    "gru": (GRU, {}, "z", 1.0),
    "gru_cho": (GRUCho, {}, "z", 1.0),
    "gru_chung": (GRUChung, {}, "z", -1.0),
    "mingru": (MinGRU, {}, "z", -1.0),
    "minlstm": (MinLSTM, {}, "f", 1.0),
}


@pytest.fixture(params=KEEP_GATES.values(), ids=list(KEEP_GATES))
def keep_gate(request):
    """(cell class, options, name of the keep gate, sign of a bias that keeps)."""
    return request.param


@pytest.mark.parametrize("bias", [0.0, 1.0, 3.0])
def test_forget_bias_is_the_whole_bias_of_the_keep_gate(keep_gate, bias):
    kind, options, gate, sign = keep_gate

    cell = build(kind, forget_bias=bias, **options)

    assert total_bias(cell, gate).tolist() == [sign * bias] * HIDDEN


def test_forget_bias_leaves_the_other_gates_alone():
    plain, biased = build(LSTM), build(LSTM, forget_bias=3.0)

    for gate in ("i", "o", "g"):
        assert total_bias(biased, gate).tolist() == total_bias(plain, gate).tolist()


@pytest.mark.parametrize("horizon", [3, 100])
def test_chrono_bias_lies_between_0_and_the_log_of_the_horizon_less_1(keep_gate, horizon):
    kind, options, gate, sign = keep_gate

    cell = build(kind, forget_bias="chrono", horizon=horizon, **options)

    bias = sign * total_bias(cell, gate)
    bound = math.log(horizon - 1)
    assert (bias >= 0).all()
    assert 0.9 * bound < float(bias.max()) <= bound
    assert len(bias.unique()) > 1


def test_chrono_bias_spreads_the_timescales_evenly_over_the_horizon():
    units, horizon = 1000, 200
    cell = build(LSTM, hidden=units, forget_bias="chrono", horizon=horizon)

    timescales = total_bias(cell, "f").exp().sort().values

    # Kolmogorov-Smirnov against U(1, horizon - 1): 1.95 / sqrt(n) is exceeded once in 1000 seeds
    uniform = (timescales - 1) / (horizon - 2)
    steps = torch.arange(1, units + 1) / units
    assert float((uniform - steps).abs().max()) < 1.95 / math.sqrt(units)


def test_chrono_closes_the_input_gate_of_an_lstm_as_far_as_it_opens_the_forget_gate():
    cell = build(LSTM, forget_bias="chrono", horizon=100)

    assert total_bias(cell, "i").tolist() == (-total_bias(cell, "f")).tolist()


def test_chrono_bias_of_the_shortest_horizon_is_finite():
    cell = build(LSTM, forget_bias="chrono", horizon=1)

    torch.testing.assert_close(total_bias(cell, "f"), torch.zeros(HIDDEN), rtol=0, atol=1e-5)


def test_cell_without_a_keep_gate_refuses_a_forget_bias():
    with pytest.raises(ValueError, match="forget_bias needs a gate with role 'keep'"):
        RNN(3, HIDDEN, forget_bias=1.0)


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("recurrent_init", "orthogonal", "recurrent_init needs recurrent weights, and this cell"),
        ("recurrent_gain", 2.0, "recurrent_gain needs recurrent weights, and this cell"),
        ("spectral_radius", 1.0, "spectral_radius needs recurrent weights, and this cell"),
        ("biases", 2, "biases must be 0 or 1 for a cell without recurrent weights, got 2"),
    ],
)
def test_cell_without_recurrent_weights_refuses_options_about_them(option, value, fault):
    with pytest.raises(ValueError, match=fault):
        MinGRU(3, HIDDEN, **{option: value})


def test_cell_without_biases_refuses_a_forget_bias():
    with pytest.raises(ValueError, match="forget_bias needs a bias, got biases = 0"):
        LSTM(3, HIDDEN, forget_bias=1.0, biases=0)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU, GRUCho, MinGRU, MinLSTM])
def test_default_weights_are_uniform_as_torchs(kind):
    cell = build(kind)

    bound = HIDDEN**-0.5
    drawn = [p.detach().flatten() for p in cell.parameters() if p.numel() > 0]
    for values in drawn:
        assert 0.9 * bound < float(values.abs().max()) <= bound
    weight = torch.cat(drawn)
    assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.03)


def test_default_spectral_radius_is_below_one():
    radii = [
        spectral_radius(build(RNN, hidden=200, seed=seed).recurrent_weight) for seed in range(4)
    ]

    assert all(0.55 <= radius <= 0.62 for radius in radii)


@pytest.mark.parametrize("scheme", ["uniform", "gaussian", "orthogonal", "identity"])
@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_spectral_radius_is_that_of_every_block(kind, scheme):
    cell = build(kind, recurrent_init=scheme, recurrent_gain=3.0, spectral_radius=0.9)

    for block in cell.recurrent_weights.values():
        assert spectral_radius(block) == pytest.approx(0.9, rel=1e-5)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_orthogonal_blocks_are_orthogonal_and_differ(kind):
    cell = build(kind, recurrent_init="orthogonal")

    found = list(cell.recurrent_weights.values())
    assert all(orthogonality_error(block) < 1e-5 for block in found)
    assert len({block[0, 0].item() for block in found}) == len(found)


def test_orthogonal_block_is_multiplied_by_the_gain():
    block = build(RNN, recurrent_init="orthogonal", recurrent_gain=1.5).recurrent_weight

    assert orthogonality_error(block / 1.5) < 1e-5


def test_identity_block_is_the_identity_times_the_gain():
    block = build(RNN, recurrent_init="identity", recurrent_gain=0.5).recurrent_weight

    torch.testing.assert_close(block.detach(), 0.5 * torch.eye(HIDDEN), rtol=0, atol=0)


def test_gaussian_block_has_variance_one_over_hidden():
    block = build(RNN, hidden=200, recurrent_init="gaussian").recurrent_weight

    # 40,000 draws: standard error of the deviation 0.35 %
    assert float(block.detach().std()) == pytest.approx(200**-0.5, rel=0.02)
    assert spectral_radius(block) == pytest.approx(1.0, abs=0.1)


def test_input_std_is_the_deviation_of_the_input_weights_only():
    plain, narrow = build(LSTM, hidden=200), build(LSTM, hidden=200, input_std=0.001)

    assert float(narrow.input_weight.detach().std()) == pytest.approx(0.001, rel=0.1)
    assert float(narrow.recurrent_weight.detach().std()) == pytest.approx(
        float(plain.recurrent_weight.detach().std()), rel=0.02
    )


def test_vectors_are_uniform_within_their_bounds():
    decay = build(Leaky, hidden=1000).vector["decay"].detach()

    assert 0.25 <= float(decay.min()) < 0.26
    assert 0.49 < float(decay.max()) <= 0.5
    assert float(decay.mean()) == pytest.approx(0.375, abs=0.01)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU, GRUCho, GRUChung, MinGRU, MinLSTM, LRU])
def test_initialisation_depends_on_the_seed_alone(kind):
    first, again, other = build(kind, seed=1), build(kind, seed=1), build(kind, seed=2)

    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    differ = [
        not torch.equal(a, b)
        for a, b in zip(first.parameters(), other.parameters(), strict=True)
        if a.numel() > 0
    ]
    assert all(same)
    assert all(differ)
