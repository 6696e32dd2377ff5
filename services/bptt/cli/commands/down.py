"""`bptt down`: ends what `bptt up` started."""

import click

from bptt.cli.listing import say
from bptt.cli.unsent import find_unsent
from bptt.settings import read_settings


@click.command()
def down() -> None:
    """Stop what bptt up started on this machine; nothing queued or trained is lost.

    Says how many runs have not reached MLflow yet, and why.
    """
    from bptt.embedded.background import stop

    settings = read_settings()
    found = stop(settings, lambda line: click.echo(line, err=True))
    if found is None:
        click.echo(f"Nothing is up in {settings.home}.")
    else:
        click.echo(f"bptt is down in {settings.home}.")
    for line in find_unsent(settings):
        say(line)
