"""How a rule says that a plugin breaks it; no assert, so that `python -O` changes nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from bptt.errors import BpttError, ContractViolation


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
        message = " ".join(str(cause).split())[:300].rstrip(".")
        raise ContractViolation(f"{subject} raised {type(cause).__name__}: {message}.") from cause


def require_tensor(
    value: object, subject: str, shape: Sequence[int], dtype: torch.dtype | None = None
) -> None:
    """Require a tensor of this shape and, where one is given, of this type."""
    if not isinstance(value, Tensor):
        raise ContractViolation(f"{subject} must be a tensor, got {type(value).__name__}.")
    require(
        tuple(value.shape) == tuple(shape),
        f"{subject} must have the shape {tuple(shape)}, got {tuple(value.shape)}.",
    )
    require(dtype is None or value.dtype == dtype, f"{subject} must be {dtype}, got {value.dtype}.")


def same(first: Sequence[Tensor], second: Sequence[Tensor], tolerance: float = 0.0) -> bool:
    """Say whether tensors agree one by one: exactly, or relative to `tolerance`."""
    return len(first) == len(second) and all(
        a.shape == b.shape and torch.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
        for a, b in zip(first, second, strict=True)
    )
