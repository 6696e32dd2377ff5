"""Layers of torchrecurrent, a library of recurrent cells for torch, where it is installed."""

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache

from torch import nn

NEAREST = {"lstm": "PeepholeLSTM"}
"""For cells it has not: the layer whose equations are nearest."""


@cache
def layers() -> dict[str, Callable[..., nn.Module]]:
    """Return the layer for each cell by the cell's name; none where it is not installed."""
    if not importlib.util.find_spec("torchrecurrent"):
        return {}
    module = importlib.import_module("torchrecurrent")
    found = {
        name.lower(): thing
        for name, thing in vars(module).items()
        if isinstance(thing, type) and not name.endswith("Cell")
    }
    return found | {cell: vars(module)[name] for cell, name in NEAREST.items()}


def layer_of(cell: str) -> Callable[..., nn.Module] | None:
    """Return the layer for a cell, or None: (input size, hidden size) -> layer."""
    return layers().get(cell.replace("_", ""))
