"""`bptt ship`: sends to MLflow what earlier runs could not."""

import json
from dataclasses import asdict, dataclass

import click

from bptt.errors import TrackingUnavailable
from bptt.settings import read_settings


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

    Exit code 1 if anything is still left afterwards.
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
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], indent=1))
    elif not lines:
        click.echo("Everything is in MLflow.")
    if not all(line.shipped for line in lines):
        raise click.exceptions.Exit(1)


def _text(line: _Line) -> str:
    return f"{line.run_id}  {'shipped' if line.shipped else f'pending: {line.reason}'}"
