"""Check of a team's server: whether it answers, and who we are for it."""

from collections.abc import Iterator

from bptt.client import connect
from bptt.embedded.finding import Finding
from bptt.settings import Settings


def server(settings: Settings) -> Iterator[Finding]:
    """See that the server answers and lets us in; nothing is looked at where none is named."""
    if not settings.server:
        return
    with connect(settings) as client:
        yield Finding("ok", "server", f"{settings.server} is bptt {client.health().version}")
        me = client.me()
    if me.token is None:
        yield Finding("ok", "server", f"it asks for no token, and takes us for {me.name}")
    else:
        told = f"it takes our token {me.token}: there we are {me.name}, role {me.role}"
        yield Finding("ok", "server", told)
