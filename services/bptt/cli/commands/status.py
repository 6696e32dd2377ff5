"""`bptt status`: what is up, what is running and what is waiting."""

import sys
import time
from typing import TYPE_CHECKING

import click

from bptt.cli.connection import current_settings
from bptt.cli.listing import say
from bptt.cli.options import json_option
from bptt.cli.output import print_json
from bptt.cli.run_words import counts_told
from bptt.cli.spans import span
from bptt.cli.unsent import unsent_lines
from bptt.counted import counted
from bptt.imported import importing

if TYPE_CHECKING:
    from bptt.embedded.standing import Standing


@click.command()
@json_option("object instead of lines")
def status(as_json: bool) -> None:
    """Show what is up, what is running and what is waiting, and what to do next."""
    with importing():
        from bptt.embedded.standing import find_standing

        # the application is imported when it is first asked
        found = find_standing(current_settings())
    if as_json:
        print_json(found.as_json())
    else:
        for what, text in _lines(found):
            say(text, head=f"{what:9} ")
        if found.hint:
            say(f"\n{found.hint}")
    sys.exit(found.fault.exit_code if found.fault else 0)


def _lines(found: "Standing") -> list[tuple[str, str]]:
    from bptt.records.shipping import Arrears

    lines = []
    if found.server:
        lines.append(("server", found.server))
    else:
        lines.append(("up", _up(found)))
    if found.broker:
        lines.append(("Redis", found.broker.detail))
    if found.database and not found.fault:
        lines.append(("database", found.database))
    if found.fault:
        lines.append(("fault", str(found.fault)))
    if found.disk:
        lines.append(("disk", found.disk))
    if found.queue:
        lines.append(("runs", counts_told(found.queue.counts) or "none"))
        for worker in found.queue.workers:
            heard = span(max(time.time() - worker.beat_at, 0.0))
            stopping = ", stopping" if worker.draining else ""
            busy = f"{worker.busy} of {counted(worker.slots, 'slot')} busy"
            text = f"{worker.host}:{worker.pid}  {busy}{stopping}, heard of {heard} ago"
            lines.append(("worker", text))
            if worker.trouble:
                lines.append(("", f"begins nothing: {worker.trouble}"))
        if not found.queue.workers:
            lines.append(("worker", "none"))
    arrears = found.queue.arrears if found.queue else Arrears()
    workers = found.queue.workers if found.queue else ()
    for number, line in enumerate(unsent_lines(arrears, workers, found.hindrance)):
        lines.append(("" if number else "MLflow", line))
    return lines


def _up(found: "Standing") -> str:
    if found.up is None:
        return f"nothing in {found.home}"
    ready = "" if found.up.ready else ", starting"
    return f"{found.home}, process {found.up.pid}, for {span(time.time() - found.up.since)}{ready}"
