"""A grid as MLflow shows it: a parent run with the comparison as its description."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bptt.tracking.grid.views import GridViews

GridStatus = Literal["RUNNING", "FINISHED", "KILLED"]
"""MLflow's words for a grid that is unfinished, has ended, or was stopped by somebody."""

NOTE_AT_MOST = 8000
"""Characters of a tag that MLflow keeps; the description of a grid is one."""
VALUES_AT_MOST = 6000
"""Characters of a param; MLflow silently cuts longer ones."""


@dataclass(frozen=True)
class SubmittedGrid:
    """A grid as submitted; what MLflow is told about it once."""

    grid_id: str
    name: str
    project: str
    user: str
    created_at: int
    """Milliseconds since the epoch."""
    axes: Sequence[Mapping[str, Any]] = ()
    """path, values and within of each."""
    size: int = 0
    """Number of its points."""

    @property
    def tags(self) -> dict[str, str]:
        """What the parent carries from its creation on."""
        return {
            "bptt.kind": "grid",
            "bptt.grid_id": self.grid_id,
            "mlflow.user": self.user,
        }

    @property
    def varied(self) -> tuple[str, ...]:
        """Paths of the axes, without the seed."""
        return tuple(dict.fromkeys(axis["path"] for axis in self.axes if axis["path"] != "seed"))

    @property
    def seed(self) -> int | None:
        """The first of its seeds; None if its runs do not differ in the seed."""
        return next((axis["values"][0] for axis in self.axes if axis["path"] == "seed"), None)

    @property
    def axes_told(self) -> str:
        """`cell: rnn, lstm; seed: 0, 1`; what belongs to one plugin alone names it."""
        parts = []
        for axis in self.axes:
            path = f"{axis['within']} {axis['path']}" if axis.get("within") else axis["path"]
            parts.append(f"{path}: {', '.join(_text(value) for value in axis['values'])}")
        text = "; ".join(parts)
        return text if len(text) <= VALUES_AT_MOST else f"{text[: VALUES_AT_MOST - 1]}…"


@dataclass(frozen=True)
class GridNews:
    """What there is to say about a grid now."""

    status: GridStatus
    note: str
    """Markdown: the description of the parent."""
    metrics: tuple[str, ...] = ()
    """Names of the metrics that decide."""
    configurations: int = 1
    """Groups of runs that differ only in the seed."""
    ended_at: int | None = None
    """Milliseconds since the epoch; None while it is unfinished."""

    def views(self, grid: SubmittedGrid) -> GridViews:
        """Return the pages that show the grid."""
        params = tuple(path.rpartition(".")[2] for path in grid.varied)
        return GridViews(
            grid.grid_id, grid.name, self.metrics, params, grid.seed, self.configurations
        )


def digest(content: bytes) -> str:
    """Return what distinguishes one content from another."""
    return hashlib.sha256(content).hexdigest()[:12]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
