"""JSON as its standard has it: without NaN and infinities, which become null."""

import json
import math
from collections.abc import Mapping
from typing import Any


def to_json(value: Any) -> str:
    """Return a value as strict JSON."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(finite(value), allow_nan=False)


def finite(value: Any) -> Any:
    """Return a value with None in the place of each NaN and infinity, however deep."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: finite(content) for name, content in value.items()}
    if isinstance(value, list | tuple):
        return [finite(content) for content in value]
    return value
