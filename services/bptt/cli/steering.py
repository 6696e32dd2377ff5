"""One order to several grids and runs: each is tried, and failures are reported at the end."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from bptt.cli.output import print_json
from bptt.errors import UserError

if TYPE_CHECKING:
    from bptt.records.naming import Found

Done = tuple[str, Mapping[str, Any]]
"""The report on one target: a line for people, and plain data."""


def steer(
    found: Iterable["Found"],
    to_grid: Callable[["Found"], Done],
    to_run: Callable[["Found"], Done],
    as_json: bool,
) -> None:
    """Give the order to every target and print what came of it.

    Raises:
        UserError: what could not be done, after everything that could.
    """
    data, errors = [], []
    for one in found:
        try:
            line, content = to_grid(one) if one.kind == "grid" else to_run(one)
        except UserError as error:
            errors.append(error)
            continue
        data.append({one.kind: one.id, "user": one.user, **content})
        if not as_json:
            click.echo(line)
    if as_json:
        print_json(data)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise UserError("\n".join(str(error) for error in errors))
