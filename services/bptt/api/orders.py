"""What the application can be asked to do, as both ends understand it."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bptt.api import PRINTED

Priority = Field(default=0, ge=-1_000_000, le=1_000_000)
Filename = Field(default="grid.yaml", min_length=1, max_length=4096, pattern=PRINTED)
Override = Annotated[str, StringConstraints(max_length=100_000, pattern=r"^[^\x00]*$")]
Overrides = Annotated[Sequence[Override], Field(max_length=1000)]

Word = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]
Words = Annotated[Sequence[Word], Field(max_length=64)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class RequestBody(BaseModel):
    """A request's body; unknown fields are refused, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NamedFile(RequestBody):
    """A file that a grid names, as it is on the sender's own machine."""

    sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$")
    size: int = Field(default=0, ge=0, lt=2**63)
    """Bytes."""
    name: str = Field(default="", max_length=4096, pattern=PRINTED)
    """Of the file, for people."""
    path: str = Field(default="", max_length=4096)
    """Its absolute path. It is never opened; runs of earlier versions are identified by it."""
    problem: str = Field(default="", max_length=8192)
    """Why there is no content, instead of all that; reported with the line of the grid file."""


class GridText(RequestBody):
    """A grid file's text, which is checked where the application runs."""

    source: str
    filename: str = Filename
    overrides: Overrides = ()
    files: Mapping[str, NamedFile] = Field(default={}, max_length=4000)
    """By the path as written in `source` or `overrides`; no path is ever opened here."""
    force: bool = False
    """Repeat what has already been run."""


class Submit(GridText):
    """Queue a grid."""

    hold: bool = False
    priority: int = Priority
    urgency: int = Field(default=1, ge=0, le=2)


class Extend(RequestBody):
    """More points for a grid: its own file or another one, with further overrides on top."""

    source: str | None = None
    filename: str | None = Field(default=None, min_length=1, max_length=4096, pattern=PRINTED)
    overrides: Overrides = ()
    files: Mapping[str, NamedFile] = Field(default={}, max_length=4000)
    """As for a grid; what the grid's own file names is already known."""
    tuned: Words = ()
    """Axes; instead of a file or overrides: the values that a comparison chooses on them, each on
    seeds that had no say in it."""
    seeds: int = Field(default=5, ge=1, le=1000)
    """How many of these there should be."""
    by: Words = ()
    metrics: Words = ()
    tune_seeds: Annotated[Sequence[Seed], Field(max_length=1000)] = ()
    """With `by` and `metrics`: as of the comparison that chooses."""
    dry_run: bool = False
    """Queue nothing; answer what would be queued."""


class Retry(RequestBody):
    """Run again what failed."""

    cancelled: bool = False
    """And what was cancelled."""


class SetPriority(RequestBody):
    """Where a grid stands among those of its user, and its class."""

    priority: int = Priority
    urgency: int | None = Field(default=None, ge=0, le=2)
