"""A cell under other methods."""

import types
from collections.abc import Callable
from typing import Any, TypeVar

from bptt.contracts.cell import Cell

AnyCell = TypeVar("AnyCell", bound=Cell)


def stand_in(cell: AnyCell, **methods: Callable[..., Any] | property) -> AnyCell:
    """Return `cell` with other methods or properties, for whoever looks into a step.

    Each is called with the cell first.
    All attributes are shared: what a step assigns is assigned to `cell`.
    """
    own = type(cell)
    other = types.new_class(own.__name__, (own,), exec_body=lambda body: body.update(methods))
    made: AnyCell = object.__new__(other)
    object.__setattr__(made, "__dict__", vars(cell))
    return made
