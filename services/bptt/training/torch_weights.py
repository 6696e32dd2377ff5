"""Weights to and from the layers of `torch.nn` that compute the same function."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from bptt.contracts import Cell, PointwiseCell, TorchLayer
from bptt.network.layers import Stack

SUFFIXES = {"forward": "", "backward": "_reverse"}


def load_torch(stack: Stack, module: nn.RNNBase) -> None:
    """Copy the weights of an `nn.RNN`, `nn.LSTM` or `nn.GRU` into a stack of equal shape.

    A stack with one bias per preactivation takes the sum of torch's two: the same function.

    Raises:
        ValueError: the cells, sizes, directions or numbers of layers differ.
    """
    with torch.no_grad():
        for ours, theirs in _shared(stack, module):
            ours.copy_(theirs)
        for ours, theirs in _second_biases(stack, module):
            ours.add_(theirs)
        if not module.bias:
            for cell, _ in _cells(stack, module):
                cell.input_bias.zero_()
                cell.recurrent_bias.zero_()


def to_torch(stack: Stack) -> nn.RNNBase:
    """Return an `nn.RNN`, `nn.LSTM` or `nn.GRU` (time first) with the weights of a stack.

    Raises:
        ValueError: torch has no such layer (another cell, a skip connection).
    """
    layers = [list(layer.by_direction().values()) for layer in stack.each_layer()]
    first = layers[0][0]
    cell, equivalent = _equivalent(first)
    is_elman = equivalent.module is nn.RNN
    options: dict[str, Any] = {"nonlinearity": cell.nonlinearity} if is_elman else {}
    # nn.RNNBase declares the signature of its own constructor, which its subclasses do not share
    make = cast(Callable[..., nn.RNNBase], equivalent.module)
    module = make(
        cell.input_size,
        cell.hidden_size,
        num_layers=len(layers),
        bias=cell.biases > 0,
        bidirectional=len(layers[0]) == 2,
        dtype=cell.input_weight.dtype,
        **options,
    )
    with torch.no_grad():
        for ours, theirs in _shared(stack, module):
            theirs.copy_(ours)
        for _, theirs in _second_biases(stack, module):
            theirs.zero_()
    return module


def _equivalent(cell: Cell) -> tuple[PointwiseCell, TorchLayer]:
    layer = cell.torch_layer if isinstance(cell, PointwiseCell) else None
    if not isinstance(cell, PointwiseCell) or layer is None:
        raise ValueError(f"torch.nn has no layer that computes {type(cell).__name__}")
    return cell, layer


def _cells(stack: Stack, module: nn.RNNBase) -> Iterator[tuple[PointwiseCell, str]]:
    """Yield each cell with the suffix of torch's parameters for it, or refuse the pair."""
    if stack.skip != "none":
        raise ValueError(f"torch has no recurrent layers with skip: {stack.skip}")
    if module.proj_size:
        raise ValueError(f"no cell here has torch's proj_size, got {module.proj_size}")
    layers = [layer.by_direction() for layer in stack.each_layer()]
    ours = (len(layers), len(layers[0]))
    theirs = (module.num_layers, 2 if module.bidirectional else 1)
    if ours != theirs:
        raise ValueError(f"layers and directions differ: {ours} here, {theirs} in torch")
    for number, layer in enumerate(layers):
        for direction, cell in layer.items():
            pointwise, equivalent = _equivalent(cell)
            if not isinstance(module, equivalent.module):
                raise ValueError(
                    f"{type(cell).__name__} computes {equivalent.module.__name__}, "
                    f"got {type(module).__name__}"
                )
            ours_is, theirs_is = (getattr(x, "nonlinearity", None) for x in (pointwise, module))
            if ours_is != theirs_is:
                raise ValueError(f"nonlinearities differ: {ours_is} here, {theirs_is} in torch")
            if module.bias and not pointwise.biases:
                raise ValueError("torch's layer has biases, this cell has none (biases: 0)")
            suffix = f"_l{number}{SUFFIXES[direction]}"
            size = getattr(module, f"weight_ih{suffix}").shape[1]
            if (size, module.hidden_size) != (cell.input_size, cell.hidden_size):
                raise ValueError(
                    f"sizes of layer {number} differ: input {cell.input_size} and hidden "
                    f"{cell.hidden_size} here, {size} and {module.hidden_size} in torch"
                )
            yield pointwise, suffix


def _shared(stack: Stack, module: nn.RNNBase) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (our view, torch's view) of every block both have, equal in shape."""
    for cell, suffix in _cells(stack, module):
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
    for cell, suffix in _cells(stack, module):
        if not module.bias:
            continue
        theirs = _rows(cell, getattr(module, f"bias_hh{suffix}"), of_input=False)
        for name, ours in cell.split(cell.input_bias, cell.input_biased).items():
            if name in cell.state_fed and name not in cell.state_biased:
                yield ours, theirs[name]


def _rows(cell: PointwiseCell, packed: Tensor, of_input: bool) -> dict[str, Tensor]:
    """Split torch's rows into one view per preactivation."""
    rows = _equivalent(cell)[1].rows
    names = [row if isinstance(row, str) else row[0 if of_input else 1] for row in rows]
    return dict(zip(names, packed.split(cell.hidden_size), strict=True))
