"""The client of a command: for this machine, or for the named server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from bptt.errors import UserError
from bptt.imported import importing
from bptt.settings import Settings, read_settings

if TYPE_CHECKING:
    from bptt.client import Client
    from bptt.records.naming import Found
    from bptt.records.runs import Run


PAGE = 1000
"""How many runs are requested at once."""


def current_settings() -> Settings:
    """Return the settings of this command, `bptt --server URL` included.

    Says so on stderr if they send a token that others can read on its way.
    """
    settings = read_settings(server=click.get_current_context().find_root().params.get("server"))
    if settings.server.startswith("http:"):
        from bptt.client.token import is_overheard

        if is_overheard(settings):
            click.echo(
                f"Warning: the token goes to {settings.server} unencrypted; anybody on the way "
                "can read it and pose as you. Use https://, or a network that you trust.",
                err=True,
            )
    return settings


@contextmanager
def connected() -> Iterator["Client"]:
    """Yield a client for this command."""
    with importing():
        from bptt.client import connect

        client = connect(current_settings())
    with client:
        yield client


def find_all(client: "Client", texts: Sequence[str]) -> list["Found"]:
    """Return what each text refers to, once, to be changed; or report all that are ambiguous.

    Nothing is changed unless every text is unambiguous.
    """
    found: dict[str, Found] = {}
    errors: list[UserError] = []
    for text in dict.fromkeys(texts):
        try:
            one = client.find(text, change=True)
        except UserError as error:
            errors.append(error)
        else:
            found[one.id] = one
    if len(errors) > 1:
        raise UserError("\n".join(str(error) for error in errors))
    if errors:
        raise errors[0]
    return list(found.values())


def all_runs(client: "Client", grid_id: str) -> "Iterator[Run]":
    """Yield every run of a grid in its order, however many there are."""
    after = None
    while page := client.runs(grid_id, limit=PAGE, after=after):
        yield from page
        after = page[-1].run_id
        if len(page) < PAGE:
            return
