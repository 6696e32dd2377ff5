"""Checks shapes in the program's annotations at every call while the tests run."""

import random
from collections.abc import Callable
from typing import TypeVar
from unittest.mock import patch

# it checks one element of a list, drawn from Python's generator, which plugins must leave alone
with patch.object(random, "getrandbits", random.Random(0).getrandbits):
    from beartype import BeartypeConf, beartype

Checked = TypeVar("Checked", bound=Callable[..., object])

# as mypy has it, an int may be given where a float is wanted
WITH_INTEGERS = BeartypeConf(is_pep484_tower=True)


def checked(function: Checked) -> Checked:
    """Return a function that checks its types, if there is a shape among them; else as it was."""
    types = getattr(function, "__annotations__", {}).values()
    if any("jaxtyping" in repr(one) for one in types):
        return beartype(conf=WITH_INTEGERS)(function)
    return function
