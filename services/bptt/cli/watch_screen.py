"""Watching a grid on a terminal: one picture, redrawn with every update."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bptt.cli.listing import GAP, cells, fold, padded
from bptt.cli.run_words import counts_told, ended, failure_told, run_title
from bptt.cli.spans import between, span

if TYPE_CHECKING:
    from bptt.api.answers import Progress, Waiting
    from bptt.records.runs import Run

WINDOW = 300.0
"""Seconds over which runs per minute are counted."""
SHORTEST = 5.0
"""Seconds of watching after which a throughput is known."""
FAILED_AT_MOST = 3
AROUND = 3
"""Lines around runs of one kind: an empty one, a heading, the number of further ones."""
HEAD = 5 + AROUND
"""Lines for what a grid is called, the bar, what is around the running runs, and the cursor."""
SHARE = 5
"""Of the screen's height, what waits and what failed has one part in so many each, or one run."""
LONG = 8
"""Why a run waits or has failed takes at most one part in so many of the screen's height."""
BAR = 24
"""Columns of the bar."""
Entry = list[Text]
"""The description of one run, line by line."""


def show(looks: "Iterator[Progress | str]", console: Console | None = None) -> "Progress":
    """Draw each look in place of the one before; return the last progress."""
    console = console or Console(highlight=False)
    throughput = Throughput()
    last: Progress | None = None
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for look in looks:
            trouble = look if isinstance(look, str) else None
            if not isinstance(look, str):
                last = look
                throughput.add(time.monotonic(), ended(look.grid))
            assert last is not None
            picture = draw(last, throughput.in_words(), trouble, console.width, console.height)
            live.update(picture, refresh=True)
    assert last is not None
    console.print(draw(last, "", None, console.width, console.height))
    return last


class Throughput:
    """Runs that ended per minute while watching."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, ended: int) -> None:
        """Take an update into account."""
        self._seen.append((now, ended))
        while now - self._seen[0][0] > WINDOW:
            self._seen.popleft()

    def in_words(self) -> str:
        """Return it in words; '' while there is nothing to say."""
        (since, before), (now, after) = self._seen[0], self._seen[-1]
        if now - since < SHORTEST or after <= before:
            return ""
        return f"{60 * (after - before) / (now - since):.3g} runs/min"


def draw(
    progress: "Progress", throughput: str, trouble: str | None, width: int, height: int
) -> RenderableType:
    """Return the picture of a grid, for a terminal of this size.

    No number and no name is broken or cut: what does not fit a line becomes several, and what
    does not fit the terminal's height is counted.
    """
    grid = progress.grid
    lines = [Text(counts_told(grid.counts))]
    if trouble:
        lines.append(Text(trouble, style="red"))
    lines += [Text(line, style="red") for line in progress.troubles]
    if grid.held_reason:
        lines.append(Text(f"all held: {grid.held_reason}", style="yellow"))
    parts: list[RenderableType] = [_title(progress), *_bar(progress, throughput, width), *lines]
    waiting = _shown(_waiting(progress.waiting, width, height), height // SHARE)
    failed = _shown(_failed(progress.failed[:FAILED_AT_MOST], width, height), height // SHARE)
    used = HEAD + sum(len(fold(text.plain, width)) for text in lines)
    for entries in (waiting, failed):
        used += sum(map(len, entries)) + AROUND if entries else 0
    running = _shown(_running(progress.running, width), height - used)
    for title, entries, total in (
        ("running", running, grid.counts.get("running", 0)),
        ("waiting", waiting, grid.counts.get("queued", 0)),
        ("failed", failed, grid.counts.get("failed", 0)),
    ):
        if entries:
            parts += [Text(), Text(title, style="bold"), *(line for one in entries for line in one)]
            more = total - len(entries)
            parts += [Text(f"and {more:,} more", style="dim")] if more > 0 else []
    return Group(*parts)


def _shown(entries: Sequence[Entry], room: int) -> list[Entry]:
    """Return as many of the first entries as fit this many lines; at least one."""
    shown: list[Entry] = []
    for entry in entries:
        room -= len(entry)
        if shown and room < 0:
            break
        shown.append(entry)
    return shown


def _title(progress: "Progress") -> Text:
    grid = progress.grid
    text = Text(grid.name, style="bold")
    text.append(f"  {grid.grid_id}", style="cyan")
    text.append(f"  project {grid.project}, by {grid.user}", style="dim")
    return text


def _bar(progress: "Progress", throughput: str, width: int) -> list[RenderableType]:
    """Return the bar with text beside it, or below it if there is no room."""
    grid = progress.grid
    if grid.ended_at is not None:
        left = f"ended after {span(grid.ended_at - grid.created_at)}"
    elif progress.least is None or progress.most is None:
        left = str(progress.why_unknown)
    else:
        left = f"about {between(progress.least, progress.most)} left"
    figures = "  ".join(
        part for part in (f"{ended(grid):,}/{grid.points:,}", left, throughput) if part
    )
    is_beside = BAR + GAP + cells(figures) <= width
    row = Table.grid(padding=(0, GAP))
    row.add_column(width=BAR)
    row.add_row(
        ProgressBar(total=1.0, completed=progress.share, width=BAR),
        *([Text(figures)] if is_beside else []),
    )
    return [row] if is_beside else [row, Text(figures)]


def _running(runs: "Sequence[Run]", width: int) -> list[Entry]:
    rows = [
        (
            run.run_id,
            run_title(run) + (f" (attempt {run.attempt})" if run.attempt > 1 else ""),
            f"{run.step:,}/{run.steps:,}",
            _speed(run),
        )
        for run in runs
    ]
    widths = [max(map(cells, column), default=0) for column in zip(*rows, strict=True)]
    if sum(widths) + GAP * 3 > width:
        # the progress comes first
        return [
            _turned(run_id, f"{at}  {speed}", title, width) for run_id, title, at, speed in rows
        ]
    return [
        [
            Text.assemble(
                (padded(run_id, widths[0]), "cyan"),
                f"  {padded(title, widths[1])}  {at:>{widths[2]}}  {speed:>{widths[3]}}",
            )
        ]
        for run_id, title, at, speed in rows
    ]


def _speed(run: "Run") -> str:
    if run.stop_request != "none":
        return "cancelling" if run.stop_request == "cancel" else "stopping"
    return f"{1 / run.step_seconds:,.0f} steps/s" if run.step_seconds else "starting"


def _waiting(waiting: "Sequence[Waiting]", width: int, height: int) -> list[Entry]:
    rows = [(one.run.run_id, run_title(one.run), one.why) for one in waiting]
    widths = [max(map(cells, column), default=0) for column in zip(*rows, strict=True)]
    if sum(widths) + GAP * 2 > width:
        most = max(height // LONG, 2)
        return [_turned(run_id, why, title, width, most) for run_id, title, why in rows]
    return [
        [Text.assemble((padded(run_id, widths[0]), "cyan"), f"  {padded(title, widths[1])}  {why}")]
        for run_id, title, why in rows
    ]


def _failed(runs: "Sequence[Run]", width: int, height: int) -> list[Entry]:
    most = max(height // LONG, 2)
    return [
        _turned(run.run_id, failure_told(run.failure or {}), "", width, most, "red") for run in runs
    ]


def _turned(
    run_id: str, words: str, title: str, width: int, most: int = 2, style: str = "cyan"
) -> Entry:
    """Return a run as lines: text beside its id, at most so many, then its name."""
    beside = " " * GAP
    first, *more = _short(fold(f"{run_id}{beside}{words}", width - GAP), most)
    lines = [Text.assemble((run_id, style), first.removeprefix(run_id))]
    below = [*more, *(fold(title, width - GAP) if title else [])]
    return lines + [Text(f"{beside}{line}") for line in below]


def _short(lines: list[str], most: int) -> list[str]:
    """Return the first lines of text that may be long; `bptt show` has all of it."""
    if len(lines) <= most:
        return lines
    *first, last = lines[:most]
    return [*first, f"{last.rpartition(' ')[0] or last} ..."]
