"""`bptt users`: who uses the queue, and how much of it they may have."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from bptt.cli.bounded import Real
from bptt.cli.connection import connected
from bptt.cli.listing import print_rows
from bptt.cli.options import json_option
from bptt.cli.output import print_json
from bptt.cli.spans import span
from bptt.errors import quoted

if TYPE_CHECKING:
    from bptt.records.users import User

MOST = 2_000_000_000
NO_LIMIT = "none"


def _limit(ctx: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    """Take a number of runs, or `none`."""
    if value is None or value == NO_LIMIT:
        return value
    # Python refuses to convert thousands of digits
    if value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= MOST:
        return int(value)
    raise click.BadParameter(
        f"{quoted(value)} is neither a number of runs from 0 to {MOST:,} nor none."
    )


@click.group()
def users() -> None:
    """List users and say what each may do and use."""


@users.command(name="list")
@json_option("list instead of a table")
def list_(as_json: bool) -> None:
    """List everybody: role, share, limits, and what they use.

    Slots go to the user with the fewest running runs for their weight. USED is recent slot time,
    each second of which counts half after a day; it breaks ties.
    """
    with connected() as client:
        found = client.users()
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("No users yet: whoever submits a grid becomes one.", err=True)
        return
    columns = ["user", "role", "weight", "running", "queued", "used"]
    print_rows(columns, [_row(user) for user in found])


@users.command(name="set")
@click.argument("name")
@click.option("--role", type=click.Choice(["user", "admin"]), help="Admins may change everything.")
@click.option(
    "--weight",
    type=Real(1e-6, 1_000_000),
    help="Share of the slots relative to other users; 1 is normal.",
)
@click.option(
    "--max-running",
    metavar="N|none",
    callback=_limit,
    help="Runs that may train at once; those already running continue.",
)
@click.option("--max-queued", type=click.IntRange(0, MOST), help="Runs that may wait in the queue.")
@click.option(
    "--disable/--enable",
    "disabled",
    default=None,
    help="Reject their tokens and start none of their runs, or allow both again.",
)
@json_option("object instead of a line")
def set_(name: str, as_json: bool, **options: Any) -> None:
    """Change what the user NAME may do and use, from the next run on."""
    changes = {key: value for key, value in options.items() if value is not None}
    if not changes:
        raise click.UsageError("Say what to change, for example --weight 2.")
    if changes.get("max_running") == NO_LIMIT:
        changes["max_running"] = None
    with connected() as client:
        changed = client.set_user(name, **changes)
    if as_json:
        print_json(changed)
        return
    values = dict(zip(("role", "weight", "running", "queued"), _row(changed)[1:], strict=False))
    click.echo(f"User {name}: {_told(values)}.")


def _told(parts: Mapping[str, str]) -> str:
    return ", ".join(f"{what} {value}" for what, value in parts.items())


def _row(user: "User") -> list[str]:
    role = user.role + (", disabled" if user.disabled_at is not None else "")
    most = "" if user.max_running is None else f" of {user.max_running:,}"
    return [
        user.name,
        role,
        f"{user.weight:g}",
        f"{user.running:,}{most}",
        f"{user.queued:,} of {user.max_queued:,}",
        span(user.usage) if user.usage >= 1 else "nothing",
    ]
