"""Watching a grid on a terminal: one picture, drawn anew with every look."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import set_cell_size
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bptt.cli.listing import cells
from bptt.cli.run_words import counts_told, ended, failure_told, run_title
from bptt.cli.spans import between, span

if TYPE_CHECKING:
    from bptt.api.answers import Progress, Run, Waiting

WINDOW = 300.0
"""Seconds over which runs per minute are counted."""
SHORTEST = 5.0
"""Seconds of watching that tell a throughput."""
FAILED_AT_MOST = 3
REST = 20
"""Lines of the screen that are not of running runs."""
BAR = 24
"""Columns of the bar."""


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
            picture = draw(last, throughput.told(), trouble, console.width, console.height)
            live.update(picture, refresh=True)
    assert last is not None
    console.print(draw(last, "", None, console.width, console.height))
    return last


class Throughput:
    """Runs that end per minute, as far as it was watched."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, ended: int) -> None:
        """Take a look into account."""
        self._seen.append((now, ended))
        while now - self._seen[0][0] > WINDOW:
            self._seen.popleft()

    def told(self) -> str:
        """Return it in words; '' before there is anything to tell."""
        (since, before), (now, after) = self._seen[0], self._seen[-1]
        if now - since < SHORTEST or after <= before:
            return ""
        return f"{60 * (after - before) / (now - since):.3g} runs/min"


def draw(
    progress: "Progress", throughput: str, trouble: str | None, width: int, height: int
) -> RenderableType:
    """Return the picture of a grid, for a terminal of this size."""
    grid = progress.grid
    parts: list[RenderableType] = [_title(progress), _bar(progress, throughput)]
    parts.append(Text(counts_told(grid.counts)))
    if trouble:
        parts.append(Text(trouble, style="red"))
    parts += [Text(line, style="red") for line in progress.troubles]
    if grid.held_reason:
        parts.append(Text(f"all held: {grid.held_reason}", style="yellow"))
    rows = max(height - REST, 2)
    for title, lines, total in (
        ("running", _running(progress.running[:rows], width), grid.counts.get("running", 0)),
        ("waiting", _waiting(progress.waiting, width), grid.counts.get("queued", 0)),
        ("failed", _failed(progress.failed[:FAILED_AT_MOST]), grid.counts.get("failed", 0)),
    ):
        if lines:
            parts += [Text(), Text(title, style="bold")]
            parts += [_cut(line, width) for line in lines]
            more = total - len(lines)
            parts += [Text(f"and {more:,} more", style="dim")] if more > 0 else []
    return Group(*parts)


def _cut(line: Text, width: int) -> Text:
    line.truncate(width, overflow="ellipsis")
    return line


def _title(progress: "Progress") -> Text:
    grid = progress.grid
    text = Text(grid.name, style="bold", no_wrap=True, overflow="ellipsis")
    text.append(f"  {grid.grid_id}", style="cyan")
    text.append(f"  project {grid.project}, by {grid.user}", style="dim")
    return text


def _bar(progress: "Progress", throughput: str) -> RenderableType:
    grid = progress.grid
    if grid.ended_at is not None:
        left = f"ended after {span(grid.ended_at - grid.created_at)}"
    elif progress.least is None or progress.most is None:
        left = str(progress.why_unknown)
    else:
        left = f"about {between(progress.least, progress.most)} left"
    told = "  ".join(
        part for part in (f"{ended(grid):,}/{grid.points:,}", left, throughput) if part
    )
    row = Table.grid(padding=(0, 2))
    row.add_column(width=BAR)
    row.add_column(overflow="fold")
    row.add_row(ProgressBar(total=1.0, completed=progress.share, width=BAR), Text(told))
    return row


def _running(runs: "Sequence[Run]", width: int) -> list[Text]:
    """Return a line for each run; what it is called gives way to how far it is."""
    if not runs:
        return []
    ids, titles, places, speeds = _columns(
        (
            run.run_id,
            run_title(run) + (f" (attempt {run.attempt})" if run.attempt > 1 else ""),
            f"{run.step:,}/{run.steps:,}",
            _speed(run),
        )
        for run in runs
    )
    room = max(width - sum(_widest(column) + 2 for column in (ids, places, speeds)), 8)
    return [
        Text.assemble(
            (f"{run_id:<{_widest(ids)}}", "cyan"),
            f"  {_fit(title, min(room, _widest(titles)))}",
            f"  {place:>{_widest(places)}}  {speed:>{_widest(speeds)}}",
        )
        for run_id, title, place, speed in zip(ids, titles, places, speeds, strict=True)
    ]


def _speed(run: "Run") -> str:
    if run.stop_request != "none":
        return "cancelling" if run.stop_request == "cancel" else "stopping"
    return f"{1 / run.step_seconds:,.0f} steps/s" if run.step_seconds else "starting"


def _waiting(waiting: "Sequence[Waiting]", width: int) -> list[Text]:
    if not waiting:
        return []
    ids, titles, reasons = _columns(
        (
            one.run.run_id,
            run_title(one.run),
            one.why,
        )
        for one in waiting
    )
    room = max(width - _widest(ids) - _widest(reasons) - 4, 12)
    return [
        Text.assemble(
            (f"{run_id:<{_widest(ids)}}", "cyan"),
            f"  {_fit(title, min(room, _widest(titles)))}  {reason}",
        )
        for run_id, title, reason in zip(ids, titles, reasons, strict=True)
    ]


def _failed(runs: "Sequence[Run]") -> list[Text]:
    return [
        Text.assemble((run.run_id, "red"), f"  {failure_told(run.failure or {})}") for run in runs
    ]


def _columns(rows: Iterable[tuple[str, ...]]) -> Sequence[tuple[str, ...]]:
    """Return the columns of at least one row."""
    return list(zip(*rows, strict=True))


def _widest(column: Sequence[str]) -> int:
    return max(map(cells, column), default=0)


def _fit(text: str, room: int) -> str:
    """Return a text in exactly so many cells: a Chinese sign takes two."""
    return set_cell_size(text, room) if cells(text) <= room else f"{set_cell_size(text, room - 1)}…"
