"""How a rule says that a plugin breaks it; not by assert, so that `python -O` changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from bptt.conformance.files import declared_files
from bptt.errors import BpttError, ContractViolation, InvalidSpec
from bptt.registry import Kind, construct_class
from bptt.registry import options as options_of
from bptt.registry.author import place_of
from bptt.registry.discovery import one_line


def require(condition: bool, fault: str) -> None:
    """Raise `ContractViolation` with the fault unless the condition holds."""
    if not condition:
        raise ContractViolation(fault)


@contextmanager
def running(subject: str) -> Iterator[None]:
    """Turn whatever the plugin's own code raises inside into a `ContractViolation`."""
    try:
        yield
    except BpttError:
        raise
    except Exception as cause:
        place = place_of(cause)
        if "Boolean value of Tensor" in str(cause):
            raise ContractViolation(
                f"{subject} decides by the value of a tensor with more than one element{place}: "
                "use torch.where instead of `if`."
            ) from cause
        raise ContractViolation(f"{subject} raised {one_line(cause)}{place}.") from cause


def constructed(
    kind: Kind, plugin_class: type[Any], options: Mapping[str, Any] | None, *sizes: int
) -> Any:
    """Return an object of the class.

    Raises:
        InvalidSpec: the given options do not fit, or the constructor rejects them.
        ContractViolation: it cannot be constructed with its defaults, or fails otherwise.
    """
    subject, given = f"The constructor of {plugin_class.__name__}", options or {}
    with running(subject), declared_files(subject, options_of(plugin_class), given):
        try:
            return construct_class(kind, plugin_class, given, *sizes)
        except ValueError as cause:
            if not options:
                raise
            message = " ".join(str(cause).split()).rstrip(".")
            raise InvalidSpec([f"{kind} {plugin_class.__name__}: {message}."]) from cause


def require_tensor(
    value: object, subject: str, shape: Sequence[int], dtype: torch.dtype | None = None
) -> None:
    """Require a tensor of this shape and, if given, of this type."""
    if not isinstance(value, Tensor):
        raise ContractViolation(f"{subject} must be a tensor, got {type(value).__name__}.")
    require(
        tuple(value.shape) == tuple(shape),
        f"{subject} must have the shape {tuple(shape)}, got {tuple(value.shape)}.",
    )
    require(dtype is None or value.dtype == dtype, f"{subject} must be {dtype}, got {value.dtype}.")


def got(value: object) -> str:
    """Say briefly what was returned where something else was expected."""
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else type(value).__name__


def same(first: Sequence[Tensor], second: Sequence[Tensor], tolerance: float = 0.0) -> bool:
    """Say whether tensors agree one by one: exactly, or relative to `tolerance`.

    NaN agrees with NaN; different shapes or types never agree.
    """
    return len(first) == len(second) and all(
        a.shape == b.shape and a.dtype == b.dtype and _agree(a, b, tolerance)
        for a, b in zip(first, second, strict=True)
    )


def _agree(first: Tensor, second: Tensor, tolerance: float) -> bool:
    if torch.equal(first, second):
        return True
    if not (first.is_floating_point() or first.is_complex()):
        return False
    return torch.allclose(first, second, rtol=tolerance, atol=tolerance, equal_nan=True)
