"""Draws one run into a folder."""

from pathlib import Path

import click

from bptt.errors import UserError
from bptt.run_folder import RunFolder


def draw(folder: RunFolder, place: Path) -> None:
    """Draw a run as far as it has got, and print what was written."""
    from bptt import tracking

    if place.exists() and not place.is_dir():
        raise UserError(f"Cannot write {place}: it is a file. Name a folder.")
    try:
        place.mkdir(parents=True, exist_ok=True)
        drawn = tracking.draw(folder, place)
    except OSError as error:
        raise UserError(
            f"Cannot write {place}: {error.strerror or error}. Name another place."
        ) from error
    for path in drawn:
        click.echo(f"Wrote {path} ({path.stat().st_size / 1e3:,.0f} kB).", err=True)
    if not drawn:
        click.echo(
            f"Run {folder.run_id} has no gradient statistics to draw yet.",
            err=True,
        )
