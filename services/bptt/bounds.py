"""Which numbers a run file may contain: those that databases, tensors and JSON can hold."""

import math
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt

MOST = 2 * 10**9
"""What an integer column of every database, and an index of a tensor, can hold."""

NonNegative = Annotated[float, Ge(0), Le(1e6)]
LearningRate = Annotated[float, Gt(0), Le(1e6)]
Positive = Annotated[float, Gt(0), Le(1e6)]
Bias = Annotated[float, Ge(-1e6), Le(1e6)]
Seconds = Annotated[float, Gt(0), Le(1e9)]
Fraction = Annotated[float, Ge(0), Lt(1)]
Count = Annotated[int, Gt(0), Le(MOST)]
Updates = Annotated[int, Ge(0), Le(MOST)]
Interval = Annotated[int, Ge(0), Le(MOST)]
Sequences = Annotated[int, Gt(0), Le(10**6)]
"""A batch; a million sequences must be a typo."""
Width = Annotated[int, Gt(0), Le(16384)]
"""Features; the recurrent weights grow with the square."""


LARGEST_INTEGER = 2**53
"""Beyond it JSON and float64 cannot distinguish neighbouring integers, and 2^63 fits no tensor."""
SMALLEST, LARGEST = 1.2e-38, 3.4e38
"""Normal numbers of float32: a smaller one is zero in a kernel, a larger one infinite."""


def beyond(value: Any) -> str | None:
    """Return the bound that applies to every number of every plugin, if a value exceeds it."""
    if isinstance(value, list):
        return next((bound for part in value if (bound := beyond(part)) is not None), None)
    if type(value) is int and abs(value) > LARGEST_INTEGER:
        return f"<= {LARGEST_INTEGER:,}" if value > 0 else f">= -{LARGEST_INTEGER:,}"
    # what is not finite is refused as such
    if type(value) is float and (0 < abs(value) < SMALLEST or LARGEST < abs(value) < math.inf):
        return f"0, or from {SMALLEST:g} to {LARGEST:g} in size (a number of single precision)"
    return None
