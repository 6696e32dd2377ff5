"""Layers, directions, lengths and skips against torch's own."""

import pytest
import torch
from benchmarks.torch_weights import load_torch, to_torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bptt.network.layers import Stack, reverse
from bptt_plugins.cells.gru import GRU
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.rnn import RNN

PAIRS = {"rnn": (RNN, nn.RNN), "lstm": (LSTM, nn.LSTM), "gru": (GRU, nn.GRU)}


def make_pair(name, biases=2, **shape):
    torch.manual_seed(0)
    cell_class, torch_class = PAIRS[name]
    directions = {"bidirectional": shape.get("bidirectional", False)}
    stack = Stack(lambda size: cell_class(size, 5, biases=biases), 3, 5, **shape).double()
    module = torch_class(
        3, 5, num_layers=shape.get("layers", 1), bias=biases > 0, dtype=torch.float64, **directions
    )
    load_torch(stack, module)
    return stack, module


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("biases", [0, 1, 2])
def test_stack_with_torchs_weights_computes_torchs_outputs(name, layers, bidirectional, biases):
    stack, module = make_pair(name, biases, layers=layers, bidirectional=bidirectional)
    x = torch.randn(7, 4, 3, dtype=torch.float64)

    (outputs,), _ = stack(x)

    torch.testing.assert_close(outputs, module(x)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_stack_has_torchs_gradients(name):
    stack, module = make_pair(name, layers=2, bidirectional=True)
    x = torch.randn(7, 4, 3, dtype=torch.float64)
    weights = torch.randn(7, 4, 10, dtype=torch.float64)

    (stack(x)[0][0] * weights).sum().backward()
    (module(x)[0] * weights).sum().backward()

    expected = {n: p.grad for n, p in module.named_parameters()}
    gradient_as_weights = make_pair(name, layers=2, bidirectional=True)[0]
    for ours, source in zip(gradient_as_weights.parameters(), stack.parameters(), strict=True):
        ours.data = source.grad
    exported = to_torch(gradient_as_weights)
    for parameter, value in exported.named_parameters():
        torch.testing.assert_close(value.detach(), expected[parameter], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("biases", [0, 1, 2])
def test_exported_layer_computes_the_stacks_outputs(name, biases):
    stack, _ = make_pair(name, biases, layers=2, bidirectional=True)
    x = torch.randn(6, 2, 3, dtype=torch.float64)

    module = to_torch(stack)

    torch.testing.assert_close(module(x)[0], stack(x)[0][0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_padded_sequences_equal_torchs_packed_sequences(name):
    stack, module = make_pair(name, layers=2, bidirectional=True)
    lengths = torch.tensor([7, 3, 5, 1])
    x = torch.randn(7, 4, 3, dtype=torch.float64)

    (outputs,), _ = stack(x, lengths)

    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    expected, _ = pad_packed_sequence(module(packed)[0])
    valid = torch.arange(7).unsqueeze(1) < lengths
    torch.testing.assert_close(outputs[valid], expected[valid], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_final_state_of_a_padded_sequence_is_that_of_the_sequence_alone(name):
    stack, _ = make_pair(name)
    x = torch.randn(7, 2, 3, dtype=torch.float64)

    _, padded = stack(x, torch.tensor([7, 4]))
    _, alone = stack(x[:4, 1:])

    for held, state in zip(padded[0]["forward"].final, alone[0]["forward"].final, strict=True):
        torch.testing.assert_close(held[1:], state, rtol=1e-12, atol=1e-12)


def test_padding_cannot_make_a_gradient_nan():
    torch.manual_seed(0)
    stack = Stack(lambda size: RNN(size, 5, nonlinearity="relu", recurrent_gain=1e4), 3, 5)
    x = torch.randn(60, 2, 3)
    lengths = torch.tensor([2, 3])

    (outputs,), _ = stack(x, lengths)
    (gradient,) = torch.autograd.grad(
        outputs[lengths - 1, torch.arange(2)].sum(), stack.layers[0].cells[0].recurrent_weight
    )

    assert torch.isfinite(gradient).all()


def test_reverse_turns_only_the_valid_part():
    x = torch.arange(4).unsqueeze(1).repeat(1, 2)

    reversed_x = reverse(x, torch.tensor([4, 2]))

    assert reversed_x.T.tolist() == [[3, 2, 1, 0], [1, 0, 2, 3]]


def make_stack(skip, layers=2, input_size=4, **options):
    torch.manual_seed(0)
    return Stack(lambda size: LSTM(size, 4), input_size, 4, layers=layers, skip=skip, **options)


def over_time(layer, x):
    return layer(x, None, None, None)[0]


def test_residual_adds_the_input_of_a_layer():
    stack = make_stack("residual")
    x = torch.randn(5, 2, 4)

    (y,), _ = stack(x)

    first = x + over_time(stack.layers[0], x)
    torch.testing.assert_close(y, first + over_time(stack.layers[1], first))


def test_highway_mixes_by_its_gate():
    stack = make_stack("highway", highway_bias=-3.0)
    x = torch.randn(5, 2, 4)

    (y,), _ = stack(x)

    for number in (0, 1):
        gate = torch.sigmoid(stack.carries[str(number)](x))
        x = gate * over_time(stack.layers[number], x) + (1 - gate) * x
    torch.testing.assert_close(y, x)
    assert (stack.carries["0"].bias == -3).all()


def test_dense_layers_read_all_outputs_before_them():
    stack = make_stack("dense", layers=3, input_size=3)
    x = torch.randn(5, 2, 3)

    outputs, _ = stack(x)

    y0 = over_time(stack.layers[0], x)
    y1 = over_time(stack.layers[1], torch.cat([x, y0], -1))
    y2 = over_time(stack.layers[2], torch.cat([x, y0, y1], -1))
    torch.testing.assert_close(torch.cat(outputs, -1), torch.cat([y0, y1, y2], -1))


@pytest.mark.parametrize("skip", ["residual", "dense", "highway"])
def test_skip_without_a_layer_for_it_is_refused(skip):
    with pytest.raises(ValueError, match=f"skip: {skip} needs at least 2 layers"):
        make_stack(skip, layers=1, input_size=3)
