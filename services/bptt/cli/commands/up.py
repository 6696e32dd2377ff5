"""`bptt up`: the queue's servers and workers on this machine."""

import time

import click

from bptt.cli.options import slots_option
from bptt.errors import HomeBusy
from bptt.imported import importing
from bptt.settings import read_settings


@click.command()
@click.option("-d", "--detach", is_flag=True, help="Run in the background until bptt down.")
@slots_option
def up(detach: bool, slots: int | None) -> None:
    """Train what is queued on this machine, until Ctrl-C or bptt down.

    Starts a worker, and its own Redis unless BPTT_REDIS_URL is set, and restarts them if they
    end. With -d, anything already up is left as it is. Stopping saves what is training; it
    continues with the next bptt up.
    """
    settings = read_settings(slots=slots)
    if not detach:
        with importing():
            from bptt.embedded.stack import serve

        serve(settings, _say)
        return
    from bptt.cli.interrupts import stop_request
    from bptt.embedded.background import start_in_background, wait_ready

    there = wait_ready(settings) if slots is None else None
    if there is None:
        try:
            with stop_request() as wanted:
                found = start_in_background(settings, wanted)
        except HomeBusy:
            # another one began at the same moment
            if slots is not None or (there := wait_ready(settings)) is None:
                raise
    if there is not None:
        click.echo(
            f"bptt is up already in {settings.home} (process {there.pid}). Stop it with: bptt down"
        )
        return
    click.echo(f"bptt is up in {settings.home} (process {found.pid}). Stop it with: bptt down")


def _say(line: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {line}", err=True)
