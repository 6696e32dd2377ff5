"""What has not reached MLflow yet, and why, in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bptt.counted import counted
from bptt.imported import importing

if TYPE_CHECKING:
    from bptt.records.shipping import Arrears
    from bptt.records.workers import Worker
    from bptt.settings import Settings


def unsent_lines(
    arrears: "Arrears", workers: "Sequence[Worker]" = (), hindrance: str = ""
) -> list[str]:
    """Return a line for what is waiting, with the reason, and one per run that cannot be sent.

    Args:
        arrears: what is not there.
        workers: that are up, one of which sends.
        hindrance: why nothing can be sent from here, as far as that is known.
    """
    lines = []
    if arrears.pending:
        troubles = [worker.ship_trouble for worker in workers if worker.ship_trouble]
        why = [*troubles, *([hindrance] if hindrance else [])]
        if why:
            reason = why[0].removesuffix(".")
        elif workers:
            reason = "they are being sent"
        else:
            reason = "no worker runs; send them with: bptt ship"
        verb = "has" if arrears.pending == 1 else "have"
        lines.append(f"{counted(arrears.pending, 'run')} {verb} not reached MLflow yet: {reason}")
    elif hindrance:
        lines.append(hindrance)
    lines += [why for _, why in arrears.such_as]
    if (more := arrears.damaged - len(arrears.such_as)) > 0:
        lines.append(f"{counted(more, 'more run')} cannot be sent to MLflow; see: bptt doctor")
    return lines


def find_unsent(settings: "Settings") -> list[str]:
    """Return the same lines for the queue of this machine while nothing is being sent.

    None if there is no queue; if its database does not answer, a line saying so.
    """
    from pathlib import Path

    with importing():
        from bptt import tracking
        from bptt.client import connect
    from bptt.errors import BpttError

    here = not settings.database_url
    if settings.server or (here and not Path(settings.home, "bptt.db").exists()):
        return []
    try:
        with connect(settings) as client:
            queue = client.queue()
    except BpttError as error:
        return [f"What has not reached MLflow yet is not known: {error}"]
    waits = queue.arrears.pending and not any(worker.ship_trouble for worker in queue.workers)
    hindrance = tracking.hindrance(settings) if waits else ""
    return unsent_lines(queue.arrears, queue.workers, hindrance)
