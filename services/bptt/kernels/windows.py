"""Windows of truncated backpropagation through time, counted from the end of each sequence."""

from jaxtyping import Bool, Int
from torch import Tensor


def begins_at(
    t: int, time: int, lengths: Int[Tensor, "batch"] | None, truncation: int | None
) -> Bool[Tensor, "batch 1"] | bool:
    """Say for which sequences a window begins at step t, so that no gradient passes to t - 1.

    The last window of each sequence is full and ends with its last valid step; the first one is
    the remainder. A loss at the end sees exactly its last `truncation` steps, as in BPTT(h; h') of
    Williams & Peng 1990 run at the end. Windows are disjoint, h = h', so an earlier loss sees no
    farther than the beginning of its own window.

    Args:
        t: a step, from 0.
        time: steps of the longest sequence.
        lengths: (batch,) valid steps of each sequence; None: all of them.
        truncation: steps of a window; None: there are none.

    Returns:
        The same for all, or (batch, 1) bool.
    """
    if truncation is None or t == 0:
        return False
    if lengths is None:
        return (time - t) % truncation == 0
    begins = (t < lengths) & ((lengths - t) % truncation == 0)
    return begins.unsqueeze(1)
