"""Watching a grid without a terminal: one line for each change."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bptt.cli.run_words import counts_told, ended, failure_told
from bptt.cli.spans import between

if TYPE_CHECKING:
    from bptt.api.answers import Progress


def show(looks: "Iterator[Progress | str]", title: str) -> "Progress":
    """Print a line for each change of counts, each failure and each trouble; return the end."""
    before, known, last = "", set[str](), None
    troubles: tuple[str, ...] = ()
    for look in looks:
        if isinstance(look, str):
            line = look
        else:
            if last is None:
                # earlier failures are not news
                known = {run.run_id for run in look.failed}
                _print(f"watching {title}")
            last = look
            for run in reversed(look.failed):
                if run.run_id not in known:
                    known.add(run.run_id)
                    _print(f"{run.run_id} failed: {failure_told(run.failure or {})}")
            for trouble in look.troubles:
                if trouble not in troubles:
                    _print(trouble)
            troubles = tuple(look.troubles)
            line = _counts(look)
        if line != before:
            _print(line + ("" if isinstance(look, str) else _left(look)))
        before = line
    assert last is not None
    return last


def show_json(looks: "Iterator[Progress | str]") -> "Progress":
    """Print one line with a JSON object for each change; return the end."""
    before, last = "", None
    for look in looks:
        if isinstance(look, str):
            line = json.dumps({"unavailable": look})
        else:
            last, line = look, json.dumps(asdict(look), allow_nan=False)
        if line != before:
            click.echo(line)
        before = line
    assert last is not None
    return last


def _print(line: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')}  {line}")


def _counts(progress: "Progress") -> str:
    grid = progress.grid
    held = f"; all held: {grid.held_reason}" if grid.held_reason else ""
    return f"{ended(grid):,}/{grid.points:,} ended: {counts_told(grid.counts)}{held}"


def _left(progress: "Progress") -> str:
    if progress.grid.ended_at is not None:
        return ""
    if progress.least is None or progress.most is None:
        return f" ({progress.why_unknown})"
    return f" (about {between(progress.least, progress.most)} left)"
