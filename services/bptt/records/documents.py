"""What `run.json`, `result.json` and `failure.json` hold, and of which version they are.

Version 1 carries no number. Its `run.json` lacks `files` where the run was made before grids could
name files, and has what concerns the queue only if the run was queued; so has that of version 2.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from bptt.lifecycle import FailureCause

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


def unnumbered(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document of any version without its number.

    Raises:
        DocumentMisfit: it is of a version that this program does not know.
    """
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
class RunDocument:
    """`run.json`: what a run is, written when it begins."""

    run_id: str
    name: str
    project: str
    spec: Mapping[str, Any]
    """As `RunSpec` dumps it."""
    identity: str = ""
    data: str = ""
    """Fingerprint of what the task draws."""
    plugins: Mapping[str, str] = field(default_factory=dict)
    """Distribution and version, by `kind:name`."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Names of the files it reads, by the SHA-256 of their content."""
    user: str = ""
    git_commit: str | None = None
    created_at: str = ""
    """In ISO format, UTC."""
    torch: str = ""
    """Version, as of `python`."""
    python: str = ""
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

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Return the document that a file of any version holds; what it does not know is left out.

        Raises:
            DocumentMisfit: a field that it must have is missing or of another type.
        """
        if lacks := missing("run", content):
            raise DocumentMisfit(lacks)
        known = {one.name for one in fields(cls)}
        return cls(**{key: value for key, value in content.items() if key in known})

    def as_json(self) -> dict[str, Any]:
        """Return its content; a run of `bptt run` has nothing of the queue."""
        content = asdict(self)
        left_out = [name for name in OF_THE_QUEUE if content[name] is None]
        return {name: content[name] for name in sorted(content) if name not in left_out}


@dataclass(frozen=True, kw_only=True)
class FailureDocument:
    """`failure.json`: why a queued run cannot go on."""

    cause: FailureCause
    message: str
    """One line for a person."""
    traceback: str
