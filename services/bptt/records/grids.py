"""Grids, as they are submitted and as they are listed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bptt.content import NamedContent
from bptt.lifecycle import Status


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """The outcome of a submission."""

    grid_id: str
    name: str
    project: str
    points: int
    queued: int
    """New runs; those of a held submission wait to be released."""
    reused: Mapping[str, int]
    """Points whose finished run was there already, by the user who ran it."""
    existing: bool = False
    """The same grid was already in the queue, and nothing new was written."""


@dataclass(frozen=True)
class Grid:
    """One grid."""

    grid_id: str
    name: str
    project: str
    user: str
    created_at: float
    points: int
    counts: Mapping[Status, int]
    """Points by the status of their run; empty statuses are left out."""
    missing: int
    """Points whose run was deleted."""
    reused: int
    diverged: int
    priority: int
    urgency: int
    """Class: 0 low, 1 normal, 2 urgent."""
    held_reason: str | None
    """Why the grid as a whole waits."""
    ended_at: float | None


@dataclass(frozen=True)
class ChangedPlugin:
    """A plugin that is not what it was when a grid was submitted."""

    what: str
    """As in `the cell mine was of acme 1.2, and what is installed differs in acme.py`."""
    is_installed: bool
    """Whether another program is in its place."""


@dataclass(frozen=True)
class GridSource:
    """The text that a grid was read from."""

    source: str
    filename: str
    overrides: Sequence[str]
    """`key=value`, in the order in which they were applied."""
    files: Mapping[str, NamedContent]
    """Contents that both name, by the path written there."""
