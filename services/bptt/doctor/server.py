"""Checks of a team server: whether it answers, who we are to it, and what it has."""

import platform
from collections.abc import Iterator

from bptt import __version__
from bptt.client import connect
from bptt.doctor.finding import Finding
from bptt.errors import NotPossible, TrackingUnavailable
from bptt.settings import Settings


def server(settings: Settings) -> Iterator[Finding]:
    """Check that the server answers and lets us in."""
    with connect(settings) as client:
        yield Finding("ok", "server", f"{settings.server} is bptt {client.health().version}")
        me = client.me()
    if me.token is None:
        yield Finding("ok", "server", f"it asks for no token, and takes us for {me.name}")
    else:
        text = f"it takes our token {me.token}: there we are {me.name}, role {me.role}"
        yield Finding("ok", "server", text)


def queue(settings: Settings) -> Iterator[Finding]:
    """Check that there are workers for what is queued there."""
    with connect(settings) as client:
        found = client.queue()
    waiting, workers = found.counts.get("queued", 0), len(found.workers)
    if waiting and not workers:
        text = f"{waiting:,} runs wait and no worker runs; on the server's machine: bptt worker"
        yield Finding("warn", "queue", text)
    else:
        yield Finding("ok", "queue", f"{waiting:,} runs wait, {workers} workers run")


def plugins(settings: Settings) -> Iterator[Finding]:
    """Check what is installed there."""
    with connect(settings) as client:
        found = client.plugins()
    for clash in found.clashes:
        yield Finding("warn", "plugins", clash)
    if not found.clashes:
        yield Finding("ok", "plugins", f"{len(found.plugins)} are installed on the server")


def pages(settings: Settings) -> Iterator[Finding]:
    """Check where results are shown."""
    with connect(settings) as client:
        try:
            yield Finding("ok", "MLflow", client.pages().address)
        except (NotPossible, TrackingUnavailable) as error:
            yield Finding("warn", "MLflow", str(error))


def machine(settings: Settings) -> Iterator[Finding]:
    """Say that nothing was checked here, because training happens on the server."""
    text = f"Python {platform.python_version()}, bptt {__version__}"
    how = "to check what trains here, leave BPTT_SERVER and --server out"
    yield Finding("ok", "here", f"{text}; all above is the server's: {how}")
