"""Requests about things referred to by name, and typed answers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from bptt.client.connection import Connection
from bptt.errors import GridNotFound, RunNotFound
from bptt.records.naming import Found, FoundKind
from bptt.settings import Settings

A = TypeVar("A")
Grids = str | Sequence[str]
"""What is compared: a grid, or several."""


class Requests:
    """What the methods of a client are made of."""

    def __init__(self, settings: Settings) -> None:
        self._connection = Connection(settings)

    def tell_waiting(self, tell: Callable[[], None]) -> None:
        """Set what is called, in another thread, when a server takes long over a request."""
        self._connection.on_waiting = tell

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def find(self, text: str, kind: FoundKind | None = None, *, change: bool = False) -> Found:
        """Return what an id, a prefix of one, a grid's name or `user/name`, or a point refers to.

        With `change`, nothing ambiguous: no prefix of an id, no name that several of one's own
        grids share, no point that a run of another grid serves.
        """
        return self._get(Found, "/find", text=text, kind=kind, change=change or None)

    def _get(self, answer: type[A], path: str, **query: Any) -> A:
        return read_answer(answer, self._connection.request("GET", path, query=query))

    def _list(self, answer: type[A], path: str, **query: Any) -> list[A]:
        content = self._connection.request("GET", path, query=query)
        return TypeAdapter(list[answer]).validate_python(content)  # type: ignore[valid-type]

    def _post(self, answer: type[A], path: str, order: Any = None) -> A:
        body = None if order is None else _said(order)
        return read_answer(answer, self._connection.request("POST", path, body=body))

    def _grid(self, grid: str) -> str:
        """Return the path of a grid that is to be read."""
        return _path("grid", self.find(grid, "grid").id if "/" in grid else grid)

    def _compared(self, grids: Grids, what: str) -> tuple[str, dict[str, Any]]:
        """Return path and query of what is asked about one grid, or several together."""
        if isinstance(grids, str) or len(grids) == 1:
            (grid,) = [grids] if isinstance(grids, str) else grids
            return f"{self._grid(grid)}/{what}", {}
        return f"/{what}", {"grid": list(grids)}

    def _run(self, run: str) -> str:
        """Return the path of a run that is to be read."""
        return _path("run", self.find(run, "run").id if "/" in run else run)

    def _change(
        self,
        answer: type[A],
        kind: FoundKind,
        text: str,
        rest: str = "",
        order: Any = None,
        method: str = "POST",
    ) -> A:
        """Change what a text refers to; the application takes only full ids for that."""
        body = None if order is None else _said(order)
        if "/" not in text:
            try:
                given = f"{_path(kind, text)}{rest}"
                return read_answer(answer, self._connection.request(method, given, body=body))
            except (GridNotFound, RunNotFound):
                # nothing has this id, so it may be a name
                pass
        found = _path(kind, self.find(text, kind, change=True).id)
        return read_answer(answer, self._connection.request(method, f"{found}{rest}", body=body))


def read_answer(answer: type[A], content: Any) -> A:
    """Return the content of an answer as its type."""
    return TypeAdapter(answer).validate_python(content)


def text_of(file: str | Path) -> str:
    """Return the text of a run file."""
    from bptt.file_text import read_text

    return read_text(Path(file))


def _said(order: BaseModel) -> dict[str, Any]:
    """Return an order's content without what is as usual.

    So a server of an earlier version takes every order that names nothing which it lacks.
    """
    content: dict[str, Any] = order.model_dump(mode="json", exclude_defaults=True)
    return content


def _path(kind: FoundKind, text: str) -> str:
    return f"/{kind}s/{quote(text, safe='')}"


def comparison_query(
    by: Sequence[str] = (),
    metrics: Sequence[str] = (),
    *,
    at: str = "end",
    tune: Sequence[str] = (),
    tune_seeds: Sequence[int] = (),
    conditions: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what a comparison is asked for, as a query.

    Args:
        by: axes that distinguish configurations; none: all but the seed.
        metrics: to compare, the first decides; none: the task's own.
        at: which moment of a run: `init`, `best` or `end`.
        tune: axes whose best value each configuration takes, to be judged on other seeds.
        tune_seeds: those that choose; none: the first half.
        conditions: `axis=value`, which points have to meet.
    """
    return {
        "by": list(by) or None,
        "metric": list(metrics) or None,
        "at": at,
        "tune": list(tune) or None,
        "tune_seed": list(tune_seeds) or None,
        "condition": list(conditions) or None,
    }
