"""What the application composes for an answer of records; a newer end may send more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bptt.records.grids import Grid, Submitted
from bptt.records.runs import Attempt, Run


@dataclass(frozen=True, kw_only=True)
class Health:
    """Who answers here."""

    product: Literal["bptt"] = "bptt"
    version: str


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long something takes, as far as anything tells."""

    seconds: float | None = None
    """Estimated time until all is done; null: nothing tells."""
    least: float | None = None
    most: float | None = None
    """Between these it probably lies."""
    may_stop: bool = False
    """Some runs end earlier if they are solved, which is not counted where none like them were."""


@dataclass(frozen=True, kw_only=True)
class Submission(Submitted, Times):
    """What came of a submission, or of more points for a grid."""

    notes: Sequence[str]
    """What is no fault and yet probably not meant."""
    slots: int
    """For which the time is estimated: the workers', or those a worker here would have."""
    workers: int
    """That are up."""


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
    """What differs between points."""

    path: str
    values: Sequence[Any]
    """In order; of a long axis of a preview the first ones, and the last."""
    within: str | None
    count: int | None = None
    """How many there are; null: those that are told."""


@dataclass(frozen=True, kw_only=True)
class Preview(Times):
    """A grid, before it is queued."""

    name: str
    project: str
    points: int
    seeds: int
    axes: Sequence[AxisValues]
    updates: int
    """Optimiser updates at most."""
    flops: float
    """Floating point operations at most, counted by a model."""
    first: Sequence[Point]
    last: Sequence[Point]
    """Those at the end that are not among the first."""
    notes: Sequence[str]
    slots: int = 0
    """For which the time is estimated."""
    unsent: Mapping[str, int] = field(default_factory=dict)
    """Bytes of each file that has not been sent. If there are any, identities and work are not
    known, and faults may be found once they are."""


@dataclass(frozen=True, kw_only=True)
class RunDetail:
    """One run with its history."""

    run: Run
    attempts: Sequence[Attempt]
    waiting: str | None
    """Of a queued or held run: why it waits, or its place in the queue."""
    hint: str | None
    """Of a failed run: what to do about it."""
    note: str | None = None
    """If it was asked for as a point of another grid: whose run serves that."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A queued run of a grid, and what it waits for."""

    run: Run
    before: int
    """Queued runs that come first, roughly."""
    why: str
    """What keeps it from its turn; its place in the queue if nothing does."""


@dataclass(frozen=True, kw_only=True)
class Progress(Times):
    """How far a grid is."""

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
    """What keeps it, or its results, from going on: full disks, runs that cannot be sent."""


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Where a browser finds what was measured."""

    address: str
    links: Mapping[str, str]
    """By what is on them; none: MLflow has nothing of it yet."""


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """What a cancel did."""

    cancelled: int
    """Ended at once."""
    stopping: int
    """Asked to stop; each is cancelled once its process is gone."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """How many runs an order concerned."""

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
    """Byte behind this piece: where to go on reading."""
    ended: bool
    """Nothing will be added to this attempt's log any more."""
    where: str | None
    """If the log is not on the server's machine: where it is."""
