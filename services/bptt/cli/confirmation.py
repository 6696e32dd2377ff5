"""Asking before destroying something that took long to make."""

import sys

import click


class Declined(click.ClickException):
    """The user said no."""

    exit_code = 1

    def show(self, file: object = None) -> None:
        """Say that nothing has happened."""
        click.echo(self.message, err=True)


def confirm(question: str, yes: bool) -> None:
    """Return if the user agrees, or agreed beforehand with `--yes`.

    Raises:
        Declined: the user does not.
        UsageError: there is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody can answer here: give --yes to agree.")
    if not click.confirm(question, err=True):
        raise Declined("Nothing was changed.")
