"""`bptt ship`: sends to MLflow what earlier runs could not."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from bptt.errors import TrackingUnavailable
from bptt.settings import Settings, read_settings


@dataclass(frozen=True)
class _Line:
    run_id: str
    shipped: bool
    """Whether MLflow has everything that the run has committed so far."""
    mlflow_run_id: str
    reason: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of lines.")
def ship(as_json: bool) -> None:
    """Send to MLflow what is left of runs that trained while it was away.

    Runs of the queue are among them once they have ended; workers send them by themselves. Exit
    code 1 if anything is still left afterwards.
    """
    from bptt import tracking

    settings = read_settings()
    target = tracking.target_of(settings)
    if tracking.check_target(settings) == "down":
        raise TrackingUnavailable(
            f"MLflow at {target.uri} does not answer; nothing was sent. Try again later."
        )
    lines = []
    for folder in tracking.unshipped(settings.runs):
        try:
            state = tracking.ship(folder, target)
        except TrackingUnavailable as error:
            lines.append(_Line(folder.run_id, False, "", str(error)))
        else:
            busy = (
                "" if tracking.is_shipped(folder) else "another process is writing or shipping it"
            )
            lines.append(_Line(folder.run_id, not busy, state.mlflow_run_id, busy))
        if not as_json:
            click.echo(_text(lines[-1]))
    for line in _ship_queued(settings):
        lines.append(line)
        if not as_json:
            click.echo(_text(line))
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], indent=1))
    elif not lines:
        click.echo("Everything is in MLflow.")
    if not all(line.shipped for line in lines):
        raise click.exceptions.Exit(1)


def _ship_queued(settings: Settings) -> Iterator[_Line]:
    """Yield what became of each run of the queue that has ended here and was not sent."""
    from bptt import store
    from bptt.run_folder import attempts
    from bptt.worker.shipping import AT_ONCE, Round

    database = store.open_database(settings.database)
    try:
        if database.file is not None and not database.file.exists():
            return
        # what a worker trains is its own to send
        shipping = Round(settings, database, worker_id="")
        tried: set[str] = set()
        while wanted := {
            item.run_id
            for item in store.unshipped(database, limit=AT_ONCE)
            if item.run_id not in tried and (settings.runs / item.run_id).exists()
        }:
            tried |= wanted
            why = shipping.go() or "another process is shipping it, or its worker has its folder"
            left = {item.run_id for item in store.unshipped(database, limit=AT_ONCE)}
            for run_id in sorted(wanted):
                newest = next(iter(attempts(settings.runs, run_id)), None)
                state = (newest.read("shipped") if newest else None) or {}
                shipped, known = run_id not in left, str(state.get("mlflow_run_id") or "")
                yield _Line(run_id, shipped, known, "" if shipped else why)
    finally:
        database.close()


def _text(line: _Line) -> str:
    return f"{line.run_id}  {'shipped' if line.shipped else f'pending: {line.reason}'}"
