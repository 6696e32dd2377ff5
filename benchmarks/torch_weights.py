"""Weights to and from the layers of `torch.nn` that compute the same function."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from bptt.contracts import PointwiseCell
from bptt.network.layers import Stack
from bptt_plugins.cells.gru import GRU
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.rnn import RNN

LAYERS: dict[type[PointwiseCell], tuple[type[nn.RNNBase], list[str], list[str]]] = {
    RNN: (nn.RNN, ["a"], ["a"]),
    LSTM: (nn.LSTM, ["i", "f", "g", "o"], ["i", "f", "g", "o"]),
    GRU: (nn.GRU, ["r", "z", "n_input"], ["r", "z", "n_state"]),
}
"""Torch's layer, and the preactivation of each block of rows of `weight_ih` and of `weight_hh`."""
SUFFIXES = {"forward": "", "backward": "_reverse"}


def load_torch(stack: Stack, module: nn.RNNBase) -> None:
    """Copy the weights of an `nn.RNN`, `nn.LSTM` or `nn.GRU` into a stack of equal shape.

    A stack with one bias per preactivation takes the sum of torch's two: the same function.
    """
    with torch.no_grad():
        for ours, theirs in _shared(stack, module):
            ours.copy_(theirs)
        for ours, theirs in _second_biases(stack, module):
            ours.add_(theirs)


def to_torch(stack: Stack) -> nn.RNNBase:
    """Return an `nn.RNN`, `nn.LSTM` or `nn.GRU` (time first) with the weights of a stack."""
    layers = [layer.by_direction() for layer in stack.each_layer()]
    first: Any = layers[0]["forward"]
    make: Any = LAYERS[type(first)][0]
    options = {"nonlinearity": first.nonlinearity} if make is nn.RNN else {}
    module: nn.RNNBase = make(
        first.input_size,
        first.hidden_size,
        num_layers=len(layers),
        bias=first.biases > 0,
        bidirectional=len(layers[0]) == 2,
        dtype=first.input_weight.dtype,
        **options,
    )
    with torch.no_grad():
        for ours, theirs in _shared(stack, module):
            theirs.copy_(ours)
        for _, theirs in _second_biases(stack, module):
            theirs.zero_()
    return module


def _cells(stack: Stack) -> Iterator[tuple[Any, str]]:
    """Yield each cell with the suffix of torch's parameters for it."""
    for number, layer in enumerate(stack.each_layer()):
        for direction, cell in layer.by_direction().items():
            yield cell, f"_l{number}{SUFFIXES[direction]}"


def _shared(stack: Stack, module: nn.RNNBase) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (our view, torch's view) of every block both have, equal in shape."""
    for cell, suffix in _cells(stack):
        for kind, ours in (
            ("weight_ih", cell.split(cell.input_weight, cell.input_fed)),
            ("weight_hh", cell.recurrent_weights),
            ("bias_ih", cell.split(cell.input_bias, cell.input_biased)),
            ("bias_hh", cell.split(cell.recurrent_bias, cell.state_biased)),
        ):
            if "bias" in kind and not module.bias:
                continue
            theirs = _rows(cell, getattr(module, kind + suffix), kind.endswith("ih"))
            for name, block in ours.items():
                yield block, theirs[name].T if "weight" in kind else theirs[name]


def _second_biases(stack: Stack, module: nn.RNNBase) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (our only bias, torch's second) of every preactivation that has one bias here."""
    for cell, suffix in _cells(stack):
        if not module.bias:
            continue
        theirs = _rows(cell, getattr(module, f"bias_hh{suffix}"), of_input=False)
        for name, ours in cell.split(cell.input_bias, cell.input_biased).items():
            if name in cell.state_fed and name not in cell.state_biased:
                yield ours, theirs[name]


def _rows(cell: PointwiseCell, rows: Tensor, of_input: bool) -> dict[str, Tensor]:
    """Split torch's rows into one view per preactivation."""
    names = LAYERS[type(cell)][1 if of_input else 2]
    return dict(zip(names, rows.split(cell.hidden_size), strict=True))
