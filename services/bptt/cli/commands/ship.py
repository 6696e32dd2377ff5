"""`bptt ship`: sends to MLflow what earlier runs could not send."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from typing import TYPE_CHECKING

import click

from bptt.cli.options import json_option
from bptt.errors import RunUnshippable, TrackingUnavailable
from bptt.settings import Settings, read_settings
from bptt.temporary import own_folder

if TYPE_CHECKING:
    from bptt.records.runs import Run
    from bptt.tracking import Target

NAMED = 10_000
"""How many waiting runs are listed when nothing can be sent."""


@dataclass(frozen=True)
class _Line:
    run_id: str
    shipped: bool
    """Whether MLflow has everything the run has committed so far."""
    mlflow_run_id: str
    reason: str
    damaged: bool = False
    """Whether it cannot be sent until something in its own folder is repaired."""


@click.command()
@json_option("list instead of lines")
def ship(as_json: bool) -> None:
    """Send to MLflow what is left of runs that trained while it was down.

    This includes ended runs of the queue, which workers otherwise send by themselves. What MLflow
    has lost, because its database was removed or restored from a copy, is sent again. Exit code 1
    if anything is still left afterwards, 2 if MLflow's database or server cannot accept anything.
    """
    from bptt import tracking

    settings = read_settings()
    target = tracking.target_of(settings)
    if tracking.check_target(settings) == "down":
        raise TrackingUnavailable(
            f"MLflow at {target.uri} does not answer; nothing was sent. Try again later."
        )
    lines = []
    with own_folder(settings.home):
        for line in chain(_ship_unqueued(settings, target), _ship_queued(settings)):
            lines.append(line)
            if not as_json:
                click.echo(_text(line))
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], indent=1))
    elif not lines:
        click.echo("Everything is in MLflow.")
    if not all(line.shipped for line in lines):
        raise click.exceptions.Exit(1)


def _ship_unqueued(settings: Settings, target: "Target") -> Iterator[_Line]:
    """Yield what became of each run outside the queue that is unsent, or lost in MLflow."""
    from bptt import tracking

    newest = reversed(tracking.unqueued(settings.runs))
    tracking.forget(tracking.find_lost(newest, target), target)
    for folder in tracking.unshipped(settings.runs):
        try:
            state = tracking.ship(folder, target)
        except RunUnshippable as error:
            yield _unsendable(folder.run_id, "", str(error))
            continue
        except TrackingUnavailable as error:
            yield _Line(folder.run_id, False, "", str(error))
            continue
        busy = "" if tracking.is_shipped(folder) else "another process is writing or shipping it"
        yield _Line(folder.run_id, not busy, state.mlflow_run_id, busy)


def _ship_queued(settings: Settings) -> Iterator[_Line]:
    """Yield what became of each run of the queue that has ended here and was not sent."""
    from bptt import store
    from bptt.shipping.queue import QueueRounds

    database = store.open_database(settings.database)
    try:
        if database.file is not None and not database.file.exists():
            return
        # what a worker trains is sent by that worker
        shipping = QueueRounds(settings, database, worker_id="")
        visited: set[str] = set()
        while True:
            trouble = shipping.go()
            new = [run_id for run_id in shipping.visited if run_id not in visited]
            visited.update(new)
            for run_id in new:
                yield _line(store.get_run(database, run_id), trouble)
            if trouble or not new:
                break
        for item in store.unshipped(database, limit=NAMED) if trouble else ():
            if item.run_id not in visited and (settings.runs / item.run_id).exists():
                yield _Line(item.run_id, False, item.mlflow_run_id or "", trouble)
    finally:
        database.close()


def _line(run: "Run", trouble: str) -> _Line:
    if run.ship_trouble and run.mlflow != "complete":
        return _unsendable(run.run_id, run.mlflow_run_id or "", run.ship_trouble)
    why = trouble or "another process is shipping it, or has its folder"
    shipped = run.mlflow == "complete"
    return _Line(run.run_id, shipped, run.mlflow_run_id or "", "" if shipped else why)


def _unsendable(run_id: str, mlflow_run_id: str, why: str) -> _Line:
    # the line already begins with the run's name
    reason = why.removeprefix(f"Run {run_id} cannot be sent to MLflow: ")
    return _Line(run_id, False, mlflow_run_id, reason, damaged=True)


def _text(line: _Line) -> str:
    if line.shipped:
        return f"{line.run_id}  shipped"
    return f"{line.run_id}  {'cannot be sent' if line.damaged else 'pending'}: {line.reason}"
