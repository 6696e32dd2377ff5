"""`bptt database`: upgrade, check and back up the database of grids and runs."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bptt.settings import read_settings

if TYPE_CHECKING:
    from bptt.store import Database


@click.group()
def database() -> None:
    """Upgrade, check and back up the database of grids and runs."""


@database.command()
def upgrade() -> None:
    """Bring the database to this program's version; bptt up does it for the one in BPTT_HOME."""
    from bptt import store

    with _opened() as opened:
        applied = store.upgrade(opened)
        done = f"was upgraded: {', '.join(applied)}" if applied else "is up to date already"
        click.echo(f"The database {opened} {done}.")


@database.command()
def check() -> None:
    """Say whether the database has this program's version."""
    from bptt import store

    with _opened() as opened:
        store.check(opened)
        click.echo(f"The database {opened} is up to date.")


@database.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy an SQLite database to FILE, consistently, while it is in use."""
    from bptt import store

    with _opened() as opened:
        store.backup(opened, file)
        click.echo(f"The database {opened} was copied to {file}.")


@contextmanager
def _opened() -> "Iterator[Database]":
    from bptt import store

    with closing(store.open_database(read_settings().database)) as opened:
        yield opened
