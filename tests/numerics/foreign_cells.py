"""Cells of the zoo, for tests."""

import torch

from bptt import registry
from tests.numerics.equations import HIDDEN, INPUT, drawn


def foreign(name):
    """Return a float64 cell of the zoo whose biases are not 0, a random input and a first state."""
    torch.manual_seed(0)
    cell = registry.construct_cell(f"zoo.{name}", {}, INPUT, HIDDEN).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    x, first = drawn(cell, time=1)
    return cell, x[0], first


def values_of(cell):
    """Return what a cell of the zoo has learnt, by the name that its library gives it."""
    return {name: value.detach() for name, value in cell.cell.named_parameters()}
