"""The progress bar of a run, on stderr."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from bptt.cli.numbers import number
from bptt.execution.execute import RunProgress
from bptt.measuring.logged import EVAL_LOSS, EVAL_METRIC, TRAIN_LOSS
from bptt.run_folder import RunFolder

REDRAW = 0.1
"""Seconds between two redraws of the bar: a run has thousands of updates."""


class Bar:
    """Shows how far a run is, its loss, its deciding metric and the time left."""

    def __init__(self, folder: RunFolder, quiet: bool) -> None:
        run = folder.read_run()
        self._name = folder.run_id if run is None else run.name
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._metrics: dict[str, float] = {}
        self._drawn_at = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def advance(self, report: RunProgress) -> None:
        """Take one update into account; most of them are not drawn."""
        self._metrics.update(report.metrics)
        now = time.monotonic()
        if now - self._drawn_at < REDRAW:
            return
        self._drawn_at = now
        if self._task is None:
            # started here, so that a resumed run's earlier steps do not count towards its speed
            self._task = self._progress.add_task(
                self._name, total=report.steps, completed=report.step, figures=""
            )
        figures = _figures(self._metrics)
        self._progress.update(self._task, completed=report.step, figures=figures)


def _figures(metrics: Mapping[str, float]) -> str:
    shown = {"loss": metrics[TRAIN_LOSS.key]} if TRAIN_LOSS.key in metrics else {}
    evaluated = [
        key for key in metrics if key.startswith(EVAL_METRIC.section) and key != EVAL_LOSS.key
    ]
    if evaluated:
        # the shortest name is the main evaluation set's; the others have a suffix
        deciding = min(evaluated, key=len)
        shown[deciding.removeprefix(EVAL_METRIC.section)] = metrics[deciding]
    return "  ".join(f"{name} {number(value)}" for name, value in shown.items())
