"""One hash of all weights of a run."""

import hashlib
from collections.abc import Mapping
from typing import Any


def weights_hash(weights: Mapping[str, Any]) -> str:
    """Return a hash of nested mappings of tensors: equal bits, equal hash."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name]
        digest.update(name.encode())
        if isinstance(value, Mapping):
            digest.update(weights_hash(value).encode())
        else:
            digest.update(value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()
