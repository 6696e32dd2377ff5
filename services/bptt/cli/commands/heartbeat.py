"""`bptt heartbeat`: whether this machine's worker is alive."""

import click

from bptt.cli.spans import span
from bptt.settings import read_settings


@click.command()
def heartbeat() -> None:
    """Say when the worker of this machine, or container, last gave a sign of life.

    For health checks: exit code 0 if that is less than a lease ago, 1 if it is longer or no
    worker is running here, 75 if the database does not answer.
    """
    from bptt.worker.heartbeat import silence

    settings = read_settings()
    seconds = silence(settings)
    if seconds is None:
        click.echo("No worker runs here.", err=True)
        raise click.exceptions.Exit(1)
    is_silent = seconds >= settings.lease_seconds
    click.echo(f"The worker here was heard of {span(seconds)} ago.", err=is_silent)
    if is_silent:
        raise click.exceptions.Exit(1)
