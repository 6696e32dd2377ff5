"""What `run.json`, `result.json` and `failure.json` hold, and of which version they are.

Version 1 carries no number. Its `run.json` lacks `files` where the run was made before grids could
name files, and has what concerns the queue only if the run was queued; so has that of version 2. A
`result.json` of either may lack what later ones hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, Self

from bptt.lifecycle import FailureCause, Outcome

VERSIONS: Mapping[str, int] = {"run": 2, "result": 2, "failure": 2}
"""What is written now, by document; those that are not named here carry no number."""
REQUIRED: Mapping[str, Mapping[str, type]] = {
    "run": {"run_id": str, "name": str, "project": str, "spec": dict},
    "result": {"outcome": str, "step": int},
    "committed": {"journal": int},
    "failure": {},
}
"""What each document must contain. `shipped.json`, how far a run was sent, is not included: if it
is damaged, everything is sent again."""
OF_THE_QUEUE = ("grid_id", "number", "values", "config", "attempt")


class DocumentMisfit(ValueError):
    """A document is not what this program reads; the message says why, as in `it ...`."""


def numbered(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with the number of the version that is written now."""
    version = {"version": VERSIONS[name]} if name in VERSIONS else {}
    return {**content, **version}


def unnumbered(name: str, content: object) -> dict[str, Any]:
    """Return a document of any version without its number.

    Raises:
        DocumentMisfit: it is no mapping, or of a version that this program does not know.
    """
    if not isinstance(content, dict):
        raise DocumentMisfit(f"it holds {type(content).__name__}")
    known = VERSIONS.get(name)
    if known is None:
        return dict(content)
    version = content.get("version", 1)
    if not isinstance(version, int) or not 1 <= version <= known:
        raise DocumentMisfit(f"it is of version {version!r}, and this program knows 1 to {known}")
    return {key: value for key, value in content.items() if key != "version"}


def missing(name: str, content: Mapping[str, Any]) -> str:
    """Return which field a document lacks, in words; empty: none."""
    for required, kind in REQUIRED[name].items():
        if not isinstance(content.get(required), kind):
            return f"it has no whole field {required!r}"
    return ""


@dataclass(frozen=True, kw_only=True)
class Document:
    """One of them, by the names of its fields."""

    FILE: ClassVar[str]
    """Its name, without `.json`."""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Return the document that a file of any version holds; what it does not know is left out.

        Raises:
            DocumentMisfit: a field that it must have is missing or of another type.
        """
        if lacks := missing(cls.FILE, content):
            raise DocumentMisfit(lacks)
        known = {one.name for one in fields(cls)}
        return cls(**{key: value for key, value in content.items() if key in known})

    def as_json(self) -> dict[str, Any]:
        """Return its content."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class RunDocument(Document):
    """`run.json`: what a run is, written when it begins."""

    FILE = "run"

    run_id: str
    name: str
    project: str
    spec: Mapping[str, Any]
    """As `RunSpec` dumps it."""
    identity: str = ""
    data: str = ""
    """Fingerprint of what the task draws."""
    plugins: Mapping[str, str] = field(default_factory=dict)
    """Distribution, version and, if it is not as released, hash of its code, by `kind:name`."""
    code: Mapping[str, str] | None = None
    """Digests of the files of plugins of its grid that were not as released; None: it is of a time
    before that was recorded."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Names of the files it reads, by the SHA-256 of their content."""
    user: str = ""
    git_commit: str | None = None
    created_at: str = ""
    """In ISO format, UTC."""
    torch: str = ""
    """Version, as of `python`."""
    python: str = ""
    processor: str = ""
    """Its kind, and the vector instructions that torch uses on it."""
    grid_id: str | None = None
    """Of a queued run, as all that follows; None: of `bptt run`."""
    number: int | None = None
    values: Mapping[str, Any] | None = None
    config: str | None = None
    attempt: int | None = None

    @property
    def is_queued(self) -> bool:
        """Whether a worker trains it, of the queue, and not `bptt run`."""
        return self.attempt is not None

    def as_json(self) -> dict[str, Any]:
        """Return its content; a run of `bptt run` has nothing of the queue."""
        content = super().as_json()
        left_out = [name for name in OF_THE_QUEUE if content[name] is None]
        return {name: content[name] for name in sorted(content) if name not in left_out}


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """Where a run's numbers stopped being finite."""

    step: int
    tensor: str | None
    """What became NaN or infinite first."""


@dataclass(frozen=True, kw_only=True)
class ResultDocument(Document):
    """`result.json`: how a run ended and what it measured last, written when it has ended."""

    FILE = "result"

    outcome: Outcome
    step: int
    """Updates done."""
    divergence: Divergence | None = None
    """None: it did not diverge."""
    solved_at: int | None = None
    """Step of the first evaluation that met the task's rule."""
    idle_since: int | None = None
    """Step since which no logged update changed a parameter, though a gradient was not 0."""
    overflowed: int = 0
    """Parameters that the optimiser no longer follows: their gradient's square is too large."""
    metric: str = ""
    """Of the task's, the one that decides."""
    better: str = ""
    """`higher` or `lower`."""
    directions: Mapping[str, str] = field(default_factory=dict)
    """The same for each of the task's metrics."""
    training_only: Sequence[str] = field(default_factory=list)
    """Options of the task that change how it is learned and not what is evaluated."""
    baseline: float | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)
    """The same of each set with other options of the task (`evaluation`), by its name."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """Last value of each; None where it was not finite, as in `best` and `flow`."""
    seen: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By `eval` and `test`, then by set (the main one is ''): the share of its sequences that
    training drew, too; empty: not counted."""
    tested: bool | None = None
    """Whether there was a test; None: by an earlier version, which had none."""
    best: Mapping[str, float | None] | None = None
    flow: Mapping[str, float | None] | None = None
    """How the gradient through time decays; None: no statistics were taken."""
    seconds: float = 0.0
    """Of training, preparation included."""
    preparation_seconds: float = 0.0
    """Until the first update began."""
    steps_per_second: float = 0.0
    statistics_share: float | None = None
    """Of `seconds`."""
    backend: str = ""
    """What ran the cells: `compiled`, `sequence` or `autograd`; empty: not known."""
    backend_reason: str = ""
    """Why it was not the fastest; empty if it was, or was asked for."""
    torch: str = ""
    """Version, as of `python`."""
    python: str = ""
    processor: str = ""
    """See `RunDocument`; empty: not known."""
    hash: str = ""
    """What two executions of one run agree in: everything but times."""
    ended_at: str = ""
    """In ISO format, UTC."""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        found = super().of(content)
        if isinstance(where := content.get("divergence"), Mapping):
            where = Divergence(step=found.step, tensor=where.get("tensor"))
        return replace(found, divergence=where)


@dataclass(frozen=True, kw_only=True)
class FailureDocument:
    """`failure.json`: why a queued run cannot go on."""

    cause: FailureCause
    message: str
    """One line for a person."""
    traceback: str
