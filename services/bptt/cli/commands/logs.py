"""`bptt logs`: the log of a run."""

import time
from typing import TYPE_CHECKING

import click

from bptt.cli.connection import connected
from bptt.cli.run_words import title_of
from bptt.lifecycle import is_terminal

if TYPE_CHECKING:
    from bptt.client import Client

PAUSE = 0.5
"""Seconds between two looks at a log that is still being written."""


@click.command()
@click.argument("run")
@click.option(
    "--attempt",
    type=click.IntRange(1, 2**31 - 1),
    help="Print this attempt's log instead of the newest.",
)
@click.option("-f", "--follow", is_flag=True, help="Keep printing until the run ends.")
def logs(run: str, attempt: int | None, follow: bool) -> None:
    """Print the log of RUN's newest attempt.

    RUN is a run's id, a prefix of one, or a point: a grid and its number
    (latch/0). With --follow later attempts are printed too.
    """
    with connected() as client:
        found = client.find(run, "run")
        run_id = found.id
        # only the run's own output goes to stdout
        if found.note or not found.is_own:
            click.echo(found.note or f"Run {title_of(found)}", err=True)
        if follow and attempt is None:
            _follow(client, run_id)
        else:
            _print(client, run_id, attempt, 0, follow)


def _print(client: "Client", run_id: str, attempt: int | None, offset: int, follow: bool) -> int:
    """Print the log of an attempt to its end, or to what is there; return its number."""
    is_first = True
    while True:
        log = client.log(run_id, attempt, offset)
        if is_first and log.where:
            click.echo(f"The log is on another machine, {log.where}; its end:", err=True)
        if is_first and not log.attempt:
            click.echo(f"Run {run_id} has not begun yet; see: bptt show {run_id}", err=True)
        is_first = False
        click.echo(log.text, nl=False)
        if log.next > offset:
            offset, attempt = log.next, log.attempt
            continue
        if log.ended or not follow or not log.attempt:
            return log.attempt
        attempt = log.attempt
        time.sleep(PAUSE)


def _follow(client: "Client", run_id: str) -> None:
    printed = 0
    is_told = False
    while True:
        detail = client.run(run_id)
        for row in detail.attempts:
            if row.attempt > printed:
                if row.attempt > 1:
                    click.echo(f"attempt {row.attempt}", err=True)
                printed = _print(client, run_id, row.attempt, 0, follow=True)
        if is_terminal(detail.run.status):
            return
        if not printed and not is_told:
            click.echo(f"Run {run_id} is {detail.run.status}: {detail.waiting}", err=True)
            is_told = True
        time.sleep(PAUSE)
