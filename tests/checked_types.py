"""Checks axes in the program's annotations while the tests run.

Of public functions and of dataclasses, and only where an axis is named: a check takes 10
microseconds, which is longer than what is called at every step of a sequence.
"""

import random
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import jaxtyping

# it checks one element of a list, drawn from Python's generator, which plugins must leave alone
with patch.object(random, "getrandbits", random.Random(0).getrandbits):
    from beartype import BeartypeConf, beartype

MODULES = ("bptt.measuring", "bptt.kernels", "bptt.contracts", "bptt.norms")
AT_EVERY_STEP = {
    "Draws.begin",
    "Draws.normal",
    "Draws.uniform",
    "MappedCell.split",
    "OperationRecorder.known",
    "PointwiseCell.mean",
    "PointwiseCell.normal",
    "PointwiseCell.product",
    "PointwiseCell.sum",
    "PointwiseCell.uniform",
    "begins_at",
    "frobenius_norm",
    "room_for_norms",
    "threefry",
}

# as mypy has it, an int may be given where a float is wanted
WITH_INTEGERS = BeartypeConf(is_pep484_tower=True)

_with_axes = jaxtyping.jaxtyped


def checked(function: Any) -> Any:
    """Return a function that checks its types, if an axis is named among them; else as it was."""
    return beartype(conf=WITH_INTEGERS)(function) if _names_axes(function) else function


def _where_it_pays(*, typechecker: Any) -> Callable[[Any], Any]:
    def decorate(target: Any) -> Any:
        name = getattr(target, "__name__", "_")
        if name[0] == "_" or target.__qualname__ in AT_EVERY_STEP or not _names_axes(target):
            return target
        return _with_axes(typechecker=typechecker)(target)

    return decorate


def _names_axes(target: Any) -> bool:
    types = getattr(target, "__annotations__", {}).values()
    return any("jaxtyping" in repr(one) for one in types)


def install() -> None:
    """Have these modules checked when they are imported, which must be later than this."""
    jaxtyping.jaxtyped = _where_it_pays
    jaxtyping.install_import_hook(MODULES, f"{__name__}.checked")
