"""Grids and runs of the queue, as `bptt show` prints them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from bptt import registry
from bptt.cli.listing import print_rows, say
from bptt.cli.numbers import number, slope
from bptt.cli.run_words import (
    attempt_told,
    counts_told,
    ended,
    failure_told,
    run_title,
    status_told,
)
from bptt.cli.spans import ago, span
from bptt.measuring.logged import EVAL_METRIC
from bptt.measuring.slopes import MIXED_MEANS, is_mixed, slope_words
from bptt.measuring.table import HALF_LIFE
from bptt.records.documents import ResultDocument

if TYPE_CHECKING:
    from bptt.api.answers import RunDetail
    from bptt.client import Client
    from bptt.records.grids import Grid
    from bptt.records.runs import OtherProgram, Run

LAST_LINES = 10
"""Of a failed run's log."""
RUNS_AT_MOST = 50
"""Of a grid; all of them: `bptt runs`."""
MLFLOW = {"no": "", "pending": "not everything is there yet", "complete": "complete"}


def show_run(detail: "RunDetail") -> None:
    """Print the state of a run of the queue, line by line."""
    run = detail.run
    rows = [
        ("run", f"{run.run_id}  {run_title(run)}  (by {run.user}, {ago(run.created_at)})"),
        ("status", status_told(run)),
        ("waiting", detail.waiting or ""),
        ("reason", run.reason or ""),
        ("repeats", run.retry_of or ""),
        *(
            (f"attempt {attempt.attempt}", attempt_told(attempt))
            for attempt in reversed(detail.attempts)
        ),
        ("failure", failure_told(run.failure) if run.failure else ""),
        ("do", detail.hint or ""),
        *(("same run", _other_told(other)) for other in detail.others),
        ("MLflow", run.ship_trouble or MLFLOW.get(run.mlflow, run.mlflow)),
    ]
    width = max(len(name) for name, text in rows if text)
    for name, text in rows:
        if text:
            say(text, head=f"{name:<{width}}  ")
    tail = str((run.failure or {}).get("log_tail") or "").splitlines()[-LAST_LINES:]
    if tail:
        click.echo("\n".join(["", "last lines of its log", *(f"  {line}" for line in tail)]))


def _other_told(other: "OtherProgram") -> str:
    """Return how the same run of another grid differs from one."""
    which = other.run_id or f"a deleted one of grid {other.grid_id}"
    told = [
        f"{section.replace(':', ' ')} {registry.program_of(text, with_name=True)} (here "
        f"{registry.program_of(other.own.get(section, ''), with_name=True) or 'unknown'})"
        for section, text in other.plugins.items()
    ]
    differ = "differs" if len(other.files) == 1 else "differ"
    files = f"; {', '.join(other.files)} {differ}" if other.files else ""
    return f"{which}, of another program: {', '.join(told)}{files}"


def show_grid(client: "Client", title: str, grid: "Grid", runs: "Sequence[Run]") -> None:
    """Print a grid: its state, what varies between its points, what each has measured."""
    say(f"{title}, project {grid.project}, by {grid.user}, queued {ago(grid.created_at)}")
    state = f"{ended(grid):,}/{grid.points:,} ended: {counts_told(grid.counts)}"
    extra = [
        f"{grid.reused:,} reused" if grid.reused else "",
        f"{grid.diverged:,} diverged" if grid.diverged else "",
        f"{grid.missing:,} deleted (bptt fill {grid.grid_id})" if grid.missing else "",
        f"ended after {span(grid.ended_at - grid.created_at)}" if grid.ended_at else "",
    ]
    say("; ".join([state, *filter(None, extra)]))
    if grid.held_reason:
        say(f"all held: {grid.held_reason} (bptt release {grid.grid_id})")
    axes = client.axes(grid.grid_id)
    if axes:
        from bptt.cli.commands.grid import axis_rows

        click.echo()
        print_rows(["axis", "values", "only of"], axis_rows(axes))
    if runs:
        click.echo()
        print_runs(runs)
    # points whose runs were deleted have none to list
    if grid.points - grid.missing > len(runs):
        say(f"\nThe first {len(runs):,}; all of them: bptt runs {grid.grid_id} --limit N")


def print_runs(runs: "Sequence[Run]") -> None:
    """Print what each run has measured, one row each."""
    if not any(run.result for run in runs):
        print_rows(["run", "what", "status"], [[*_named(run)] for run in runs], needed=3)
        return
    metrics = {ResultDocument.of(run.result).metric for run in runs if run.result} - {""}
    title = min(metrics) if len(metrics) == 1 else "metric"
    rows = [
        [
            *_named(run),
            _metric(run, named=len(metrics) > 1),
            slope(_figures(run)) if run.result else "",
            number(_figures(run).get(HALF_LIFE.key)) if run.result else "",
        ]
        for run in runs
    ]
    titled = slope_words(*map(_figures, runs))
    print_rows(["run", "what", "status", title, titled, HALF_LIFE.words], rows, needed=4)
    if any(is_mixed(_figures(run)) for run in runs):
        say(f"\n{MIXED_MEANS}")


def _named(run: "Run") -> tuple[str, str, str]:
    return run.run_id, run_title(run), status_told(run)


def _metric(run: "Run", named: bool) -> str:
    if not run.result:
        return ""
    result = ResultDocument.of(run.result)
    value = number(result.metrics.get(EVAL_METRIC.named(result.metric)))
    return f"{result.metric} {value}" if named else value


def _figures(run: "Run") -> Mapping[str, float | None]:
    return ResultDocument.of(run.result).metrics if run.result else {}
