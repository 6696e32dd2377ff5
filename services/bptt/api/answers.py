"""What the application composes from records for its answers; a newer end may send more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bptt.records.grids import Grid, Submitted
from bptt.records.runs import Attempt, OtherProgram, Run


@dataclass(frozen=True, kw_only=True)
class Health:
    """Who answers here."""

    product: Literal["bptt"] = "bptt"
    version: str


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long something takes, as far as known."""

    seconds: float | None = None
    """Estimated time until everything is done; null: unknown."""
    least: float | None = None
    most: float | None = None
    """The bounds between which it probably is."""
    may_stop: bool = False
    """Runs may end early when solved, which is ignored if no similar ones were."""


@dataclass(frozen=True, kw_only=True)
class Submission(Submitted, Times):
    """The outcome of a submission, or of adding points to a grid."""

    notes: Sequence[str]
    """Not faults, but probably not intended."""
    slots: int
    """Slots for which the time is estimated: the workers', or those a worker here would have."""
    workers: int
    """Workers that are up."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point of a grid that has not been queued."""

    number: int
    name: str
    label: str
    values: Mapping[str, Any]
    identity: str


@dataclass(frozen=True, kw_only=True)
class AxisValues:
    """What varies between points."""

    path: str
    values: Sequence[Any]
    """In order; for a long axis of a preview, the first ones and the last."""
    within: str | None
    count: int | None = None
    """How many there are; null: as many as are listed."""


@dataclass(frozen=True, kw_only=True)
class Preview(Times):
    """A grid, before it is queued."""

    name: str
    project: str
    points: int
    seeds: int
    axes: Sequence[AxisValues]
    updates: int
    """The most optimiser updates."""
    flops: float
    """The most floating-point operations, counted by a model."""
    first: Sequence[Point]
    last: Sequence[Point]
    """Those at the end that are not among the first."""
    notes: Sequence[str]
    slots: int = 0
    """For which the time is estimated."""
    foreseen: Submitted | None = None
    """What queueing it would do now, for which the time is, too; None: not known."""
    unsent: Mapping[str, int] = field(default_factory=dict)
    """Bytes of each file that has not been sent. If there are any, identities and work are
    unknown, and faults may be found once they are sent."""


@dataclass(frozen=True, kw_only=True)
class RunDetail:
    """One run with its history."""

    run: Run
    attempts: Sequence[Attempt]
    waiting: str | None
    """For a queued or held run: why it is waiting, or its place in the queue."""
    hint: str | None
    """For a failed run: what to do about it."""
    note: str | None = None
    """If it was requested as a point of another grid: whose run serves that."""
    others: Sequence[OtherProgram] = ()
    """Runs of the same specification and seed whose plugins are other programs."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A queued run of a grid, and what it waits for."""

    run: Run
    before: int
    """Roughly how many queued runs come first."""
    why: str
    """What keeps it from starting; if nothing does, its place in the queue."""


@dataclass(frozen=True, kw_only=True)
class Progress(Times):
    """How far a grid has got."""

    grid: Grid
    share: float
    """Of the work, 0 to 1."""
    why_unknown: str | None
    """Why there is no estimate."""
    slots: int
    busy: int
    running: Sequence[Run]
    waiting: Sequence[Waiting]
    """The next ones."""
    failed: Sequence[Run]
    """The latest ones."""
    troubles: Sequence[str] = ()
    """What holds up its runs or results: full disks, runs that cannot be sent."""


@dataclass(frozen=True, kw_only=True)
class GridFile:
    """A text that submits a grid again."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Where a browser finds results."""

    address: str
    links: Mapping[str, str]
    """By what is on them; empty: MLflow has nothing of it yet."""


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """What a cancel did."""

    cancelled: int
    """Ended at once."""
    stopping: int
    """Asked to stop; each is cancelled once its process is gone."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """How many runs an order affected."""

    runs: int


@dataclass(frozen=True, kw_only=True)
class Retried:
    """The new runs of a retry."""

    run_ids: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """What a deletion removed."""

    runs: int
    folders: int
    """Folders of runs that were on the server's machine."""


@dataclass(frozen=True, kw_only=True)
class Log:
    """A piece of a run's log."""

    attempt: int
    text: str
    next: int
    """The byte after this piece, where to continue reading."""
    ended: bool
    """Nothing more will be added to this attempt's log."""
    where: str | None
    """If the log is not on the server's machine: where it is."""
