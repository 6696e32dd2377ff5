"""Choices of values that `extend --tuned` made, with the seeds that it added to judge them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MadeChoice:
    """One of them, as the history of its grid has it."""

    grid_id: str
    tuned: tuple[str, ...]
    """Paths of the axes; empty: an earlier version did not record them, but `words`."""
    by: tuple[str, ...] = ()
    """Paths of the axes that distinguished configurations; none: all others but the seed."""
    choosing: tuple[int, ...] = ()
    """Seeds that had a say, or may have had one."""
    words: frozenset[str] = frozenset()
    """The values chosen, in words."""
