"""A run's state as bytes that can be checked for damage."""

import hashlib
import io
from typing import Any

import torch

from bptt.damage import CHECKPOINT
from bptt.errors import CheckpointDamaged


def to_bytes(state: dict[str, Any]) -> bytes:
    """Serialise tensors and plain values, preceded by a hash of the content."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    return CHECKPOINT + hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def from_bytes(data: bytes) -> dict[str, Any]:
    """Return what `to_bytes` was given.

    Raises:
        CheckpointDamaged: the content does not match its hash, for example if truncated.
    """
    header, _, content = data.partition(b"\n")
    expected = CHECKPOINT + hashlib.sha256(content).hexdigest().encode()
    if header != expected:
        raise CheckpointDamaged(
            f"The checkpoint is damaged ({len(data)} bytes, the hash does not match)."
        )
    state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
    return state
