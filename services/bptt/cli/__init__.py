"""`bptt`: the command line. Commands are imported only when they are called."""

import errno
import io
import sys
from importlib import import_module
from typing import Any

import click

from bptt import __version__
from bptt.errors import BpttError

COMMANDS = {
    "run": "Train what run files describe, in this process.",
    "grid": "Check a grid file and show its points, without running any.",
    "show": "Show what runs have measured, alone or next to each other.",
    "plugins": "List, describe and check the installed cells, clippers and tasks.",
    "ui": "Serve MLflow with everything measured so far.",
    "ship": "Send to MLflow what has not reached it yet.",
}
"""Each is the command of the same name in the module `bptt.cli.<name>`."""


class Deferred(click.Command):
    """A command known by name and summary, whose module is imported when it is called."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        return self.load().make_context(*args, **extra)

    def load(self) -> click.Command:
        """Import and return the command itself."""
        command = getattr(import_module(f"bptt.cli.{self.name}"), str(self.name))
        if not isinstance(command, click.Command):
            raise TypeError(f"bptt.cli.{self.name}.{self.name} is not a command")
        return command


class Commands(click.Group):
    """The root: an error of any command becomes its lines on stderr and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        # in the order of use, not of the alphabet
        return list(COMMANDS)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if ctx.params["debug"] or _is_closed_pipe(error):
                raise
            lines, code = _told(error)
            click.echo(lines, err=True)
            sys.exit(code)


def _is_closed_pipe(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _told(error: BaseException) -> tuple[str, int]:
    """Return what a person reads and the exit code: 2 if the user can mend it, else 1."""
    match error:
        case BpttError():
            return str(error), error.exit_code
        case KeyboardInterrupt():
            return "Interrupted.", 130
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            place = f" at {error.filename}" if error.filename else ""
            return f"The disk is full{place}: free some space and give the command again.", 1
        case OSError(strerror=str(reason), filename=str(name)):
            return f"{name}: {reason}.", 1
        case ModuleNotFoundError(name=str(name)) if not name.startswith("bptt"):
            return f"{name} is not installed. Install what trains: pip install 'bptt[local]'.", 2
    message = " ".join(str(error).split())
    return f"bptt failed: {type(error).__name__}: {message} (bptt --debug ... shows where)", 1


@click.group(
    cls=Commands,
    commands={name: Deferred(name, short_help=text) for name, text in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="bptt %(version)s")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def main(debug: bool) -> None:
    """Measure why gradients vanish or explode through time in RNNs, and what fixes it."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show a sign gets a question mark, not a failed command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
