"""`bptt tokens`: who may use a server, and for how long."""

import time
from typing import TYPE_CHECKING

import click

from bptt.cli.bounded import Real
from bptt.cli.connection import connected
from bptt.cli.listing import print_rows
from bptt.cli.options import json_option
from bptt.cli.output import print_json
from bptt.cli.spans import ago, span

if TYPE_CHECKING:
    from bptt.records.users import Role, Token


@click.group()
def tokens() -> None:
    """Create, list and revoke the tokens by which a server knows who is asking.

    On the server's own machine, anyone who can read and write its database is an admin. From
    elsewhere, admins manage all tokens, and everybody else their own.
    """


@tokens.command()
@click.option("--user", metavar="NAME", help="Its owner, created if necessary. [you]")
@click.option(
    "--role",
    type=click.Choice(["user", "admin"]),
    help="The user's role, for all of their tokens. [unchanged; for a new one: user]",
)
@click.option(
    "--expires",
    "days",
    metavar="DAYS",
    type=Real(0, 36_500, min_open=True),
    help="Days of validity. [until it is revoked]",
)
@click.option("--label", metavar="TEXT", default="", help="What it is for, as in --label laptop.")
def create(user: str | None, role: "Role | None", days: float | None, label: str) -> None:
    """Create a token and print it, this once: only its hash is stored."""
    with connected() as client:
        made = client.create_token(user, role, days, label)
    known = made.known
    for line in (
        f"A token of {known.user} ({known.role}), {_end(known)}; it is not shown again.",
        "To use it: BPTT_SERVER=URL BPTT_TOKEN=... bptt status",
        f"To revoke it: bptt tokens revoke {known.prefix}",
    ):
        click.echo(line, err=True)
    click.echo(made.token)


@tokens.command(name="list")
@json_option("list instead of a table")
def list_(as_json: bool) -> None:
    """List your tokens or, as an admin, everybody's, the newest first."""
    with connected() as client:
        found = client.tokens()
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("No tokens yet. Make one with: bptt tokens create", err=True)
        return
    columns = ["token", "user", "role", "label", "made", "last used", "holds"]
    print_rows(columns, [_row(token) for token in found])


@tokens.command()
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """Refuse the token that begins with PREFIX, from the next request on."""
    with connected() as client:
        revoked = client.revoke_token(prefix)
    label = f" ({revoked.label})" if revoked.label else ""
    click.echo(f"Revoked the token {revoked.prefix} of {revoked.user}{label}.")


def _row(token: "Token") -> list[str]:
    used = "never" if token.last_used_at is None else ago(token.last_used_at)
    made = ago(token.created_at)
    return [f"{token.prefix}...", token.user, token.role, token.label, made, used, _end(token)]


def _end(token: "Token") -> str:
    match token.status:
        case "revoked":
            return "revoked"
        case "expired":
            return "expired"
        case "disabled":
            return "user disabled"
    if token.expires_at is None:
        return "until revoked"
    return f"for {span(token.expires_at - time.time())}"
