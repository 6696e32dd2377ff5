"""`bptt up`: the queue's servers and workers on this machine."""

import time

import click

from bptt.settings import read_settings


@click.command()
@click.option("-d", "--detach", is_flag=True, help="Go on in the background, until bptt down.")
@click.option("--slots", type=int, help="Runs to train at once [one per processor core].")
def up(detach: bool, slots: int | None) -> None:
    """Train what is queued on this machine, until Ctrl-C or bptt down.

    Starts a worker, and a Redis of its own unless BPTT_REDIS_URL is set, and starts them again if
    they end. Stopping saves what trains; it goes on where it was with the next bptt up.
    """
    settings = read_settings(slots=slots)
    if not detach:
        from bptt.embedded.stack import serve

        serve(settings, _say)
        return
    from bptt.embedded.background import start_in_background

    found = start_in_background(settings)
    click.echo(f"bptt is up in {settings.home} (process {found.pid}). Stop it with: bptt down")


def _say(line: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {line}", err=True)
