"""What MLflow says about a grid: the comparison as a Markdown table, and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from bptt.comparison import wording
from bptt.counted import counted
from bptt.identifiers import grid_of
from bptt.lifecycle import STATUSES
from bptt.records.comparison import Comparison
from bptt.records.grids import Grid
from bptt.records.runs import Run
from bptt.tracking.grid.shown import NOTE_AT_MOST

ROWS_AT_MOST = 40
"""Rows of all tables together if there is not room for all."""
FEWEST = 1
"""Rows of a table below which it is left out, the last problem's first."""
NAMED_AT_MOST = 6
"""How many reused runs the note names for each grid."""
EXPLANATION = (
    f"{wording.EXPLAINED} A run that failed or has not ended is counted on the right and has no "
    "value."
)


def summary(grid: Grid, comparisons: Sequence[Comparison]) -> bytes:
    """Return the whole comparison as JSON, as `bptt compare --json` prints it."""
    of_grid = {"grid_id": grid.grid_id, "grid": grid.name, "user": grid.user}
    return json.dumps([asdict(one) | of_grid for one in comparisons], indent=1).encode()


def note(
    grid: Grid, comparisons: Sequence[Comparison], reused: Mapping[str, Run], now: float
) -> str:
    """Return the description of a grid, of at most 8000 characters.

    Args:
        grid: its state.
        comparisons: of its points, one per problem.
        reused: the runs that already existed, by id.
        now: seconds since the epoch.
    """
    head, foot = _head(grid, now), _foot(grid, reused)
    shown = list(comparisons)
    rows = max((len(one.groups) for one in comparisons), default=0)
    while True:
        tables = [_table(one, rows) for one in shown]
        if (more := len(comparisons) - len(shown)) > 0:
            tables.append(f"{counted(more, 'more problem')}: in the artifact summary.json.")
        text = "\n\n".join([head, *tables, *foot])
        if len(text) <= NOTE_AT_MOST or not shown:
            return text
        fewer = ROWS_AT_MOST // len(shown)
        rows = fewer if rows > fewer else rows - 1
        if rows < min(FEWEST, len(shown[-1].groups)):
            shown.pop()
            rows = FEWEST


def _head(grid: Grid, now: float) -> str:
    counts = [f"{grid.counts[s]:,} {s}" for s in reversed(STATUSES) if grid.counts.get(s)]
    if grid.missing:
        counts.append(f"{grid.missing:,} deleted")
    at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    held = f" Held: {_cell(grid.held_reason)}." if grid.held_reason else ""
    return (
        f"**{_cell(grid.name)}** (`{grid.grid_id}`), {counted(grid.points, 'run')}: "
        f"{', '.join(counts) or 'none'}.{held} As of {at}."
    )


def _foot(grid: Grid, reused: Mapping[str, Run]) -> list[str]:
    parts = [EXPLANATION]
    by_grid: dict[str, list[Run]] = {}
    for run in reused.values():
        by_grid.setdefault(grid_of(run.run_id), []).append(run)
    for grid_id, runs in list(by_grid.items())[:NAMED_AT_MOST]:
        named = [_named(run) for run in runs[:NAMED_AT_MOST]]
        more = [f"{len(runs) - len(named):,} more"] if len(runs) > len(named) else []
        parts.append(
            f"Already run by grid `{grid_id}` ({_cell(runs[0].user)}), under whose parent they "
            f"are; the charts of this grid lack them: {', '.join(named + more)}."
        )
    if len(by_grid) > NAMED_AT_MOST:
        parts.append(f"Already run by {len(by_grid) - NAMED_AT_MOST:,} more grids.")
    parts.append(
        f"The same in a terminal, as of now: `bptt compare {grid.grid_id}`; every page of this "
        f"grid: `bptt ui {grid.grid_id}`. The pictures of one run, `RUN`: `bptt show RUN "
        "--pictures FOLDER`."
    )
    return parts


def _named(run: Run) -> str:
    if run.mlflow_run_id is None:
        return f"`{run.run_id}`"
    return f"[{run.run_id}](#/runs/{run.mlflow_run_id})"


def _table(comparison: Comparison, rows: int) -> str:
    columns = wording.columns(comparison)
    title = ", ".join(filter(None, (comparison.title, wording.heading(comparison))))
    lines = [
        *(_cell(title[:1].upper() + title[1:]), ""),
        # of a long description MLflow shows the first lines only
        *([*_sentence(comparison.verdict), ""] if comparison.verdict else []),
        _line([_cell(column) for column in columns]),
        f"|{' :--- |' * len(columns)}",
        *(
            _line([_cell(cell) for cell in wording.cells(comparison, one)])
            for one in comparison.groups[:rows]
        ),
    ]
    if len(comparison.groups) > rows:
        all_of_them = counted(len(comparison.groups), "configuration")
        lines += ["", f"The first {rows} of {all_of_them}; all are in the artifact summary.json."]
    if heads := wording.tested_columns(comparison):
        told = [wording.tested_cells(one) for one in comparison.groups[:rows]]
        lines += ["", _cell(wording.tested_heading(comparison)), ""]
        lines += [_line([_cell(head) for head in heads]), f"|{' :--- |' * len(heads)}"]
        lines += [_line([_cell(cell) for cell in row]) for row in told]
    for sentence in wording.notes(comparison):
        lines += ["", *_sentence(sentence)]
    return "\n".join(lines)


def _sentence(text: str) -> list[str]:
    """Return a sentence, and below it the commands that it ends with."""
    said, commands = wording.with_commands(text)
    parts = [_cell(said)]
    for command in commands:
        parts += ["", f"`{command}`"]
    return parts


def _line(cells: Sequence[str]) -> str:
    # MLflow's tables have no space between their columns
    return f"| {'&emsp; | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return a text as Markdown shows it, in one line and in one cell of a table."""
    one_line = " ".join(text.split())
    for sign in "\\|*_`[]<>":
        one_line = one_line.replace(sign, f"\\{sign}")
    return one_line
