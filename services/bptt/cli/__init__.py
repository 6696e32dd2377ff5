"""`bptt`: the command line. Commands are imported only when they are called."""

import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from bptt import __version__
from bptt.durable import is_full
from bptt.errors import BpttError, UserError, plain, quoted

SECTIONS = {
    "From a file to figures": {
        "up": "Start workers on this machine; -d in the background.",
        "submit": "Queue the grid that a file describes.",
        "watch": "Follow a grid until it ends.",
        "compare": "Compare a grid's configurations, each by its mean over seeds.",
        "show": "Show grids and runs: their state and what they have measured.",
        "ui": "Serve MLflow with everything measured so far.",
        "down": "Stop what bptt up started; nothing is lost.",
    },
    "Grids and runs": {
        "grids": "List grids and their progress.",
        "runs": "List runs and their status.",
        "logs": "Print the log of a run.",
        "cancel": "Stop runs that are no longer wanted.",
        "hold": "Hold runs back.",
        "release": "Let held runs start.",
        "retry": "Run again what failed.",
        "fill": "Queue what is missing from a grid.",
        "extend": "Add seeds, or values of an axis, to a grid.",
        "priority": "Choose which grid goes first.",
        "delete": "Delete grids or runs permanently.",
    },
    "Without the queue": {
        "grid": "Check a grid file and show its points, without running any.",
        "run": "Train the runs that run files describe, in this process.",
        "plugins": "List, describe and check the installed cells, clippers and tasks.",
    },
    "Upkeep": {
        "status": "Show what is up, what is running and what is waiting.",
        "doctor": "Check this machine and say what to fix.",
        "ship": "Send to MLflow what has not reached it yet.",
        "worker": "Run one worker in the foreground.",
        "heartbeat": "Say whether the worker here is alive, for health checks.",
        "api": "Serve grids and runs over HTTP.",
        "tokens": "Create, list and revoke the tokens of a server.",
        "users": "List users, and set their roles and limits.",
        "database": "Upgrade, check and back up the database.",
    },
}
COMMANDS = {name: text for section in SECTIONS.values() for name, text in section.items()}
"""Each is the command of the same name in the module `bptt.cli.commands.<name>`."""

SPEAKING = {
    *SECTIONS["Grids and runs"],
    *("submit", "watch", "compare", "show", "status", "doctor", "tokens", "users"),
    *("ui", "grid", "plugins"),
}
"""Commands that go to the server, if one is named."""


class Deferred(click.Command):
    """A command known by name and summary, whose module is imported when it is called."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        command = self.load()
        given = list(args)
        found = command.make_context(info_name, args, parent, **extra)
        _refuse_repeated(found, given)
        return found

    def load(self) -> click.Command:
        """Import and return the command itself."""
        command = getattr(import_module(f"bptt.cli.commands.{self.name}"), str(self.name))
        if not isinstance(command, click.Command):
            raise TypeError(f"bptt.cli.commands.{self.name}.{self.name} is not a command")
        return command


def _refuse_repeated(ctx: click.Context, args: list[str]) -> None:
    """Raise if an option that has one value was given several: click takes the last in silence."""
    if isinstance(ctx.command, click.Group):
        return
    _, _, order = ctx.command.make_parser(ctx).parse_args(list(args))
    for one in order:
        if isinstance(one, click.Option) and not (one.multiple or one.is_flag or one.count):
            name = max(one.opts, key=len)
            if order.count(one) > 1:
                raise click.UsageError(f"{name} is given twice: give it once.", ctx)


class Commands(click.Group):
    """The root: an error of any command becomes its lines on stderr and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        # in the order of use, not of the alphabet
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in commands.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **extra)
        except OSError as error:
            # the problem could not even be reported
            if not _is_closed_pipe(error):
                raise
            sys.exit(128 + signal.SIGPIPE)
        finally:
            _end_output()

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        for number, text in enumerate(args, start=1):
            # what is not UTF-8 cannot be sent to a server or stored in a database
            if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
                _complain(f"Argument {number} is not UTF-8: {quoted(text)}.")
                sys.exit(UserError.exit_code)
        with _short():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _short():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if ctx.params["debug"]:
                raise
            lines, code = _told(error)
            _complain(lines)
            sys.exit(code)


@contextmanager
def _short() -> Iterator[None]:
    """Tell misuse in a line, truncating what click repeats of a command line."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        _complain(_misuse(error))
        sys.exit(error.exit_code)
    except click.ClickException as error:
        vars(error)["message"] = plain(error.message)
        raise
    except OSError as error:
        if not _is_closed_pipe(error):
            raise
        # like a program stopped by the signal
        sys.exit(128 + signal.SIGPIPE)


def _misuse(error: click.UsageError) -> str:
    """Return what is wrong with a command line, and where it says what is right, as one line."""
    told = " ".join(plain(error.format_message()).split())
    # what ends in a full stop is of this program, and says what to do; so does a wrong value
    clear = told.endswith(".") or isinstance(error, click.BadParameter)
    told += "" if told.endswith((".", "?")) else "."
    if error.ctx is None or (clear and not isinstance(error, click.MissingParameter)):
        return told
    command = error.ctx.command_path.partition(" ")[2]
    return f"{told} See bptt {f'{command} -h'.lstrip()}."


def _complain(lines: str) -> None:
    """Print to stderr; that nobody reads it changes no exit code."""
    try:
        click.echo(lines, err=True)
    except OSError as error:
        if not _is_closed_pipe(error):
            raise


def _end_output() -> None:
    """Flush what is left; a reader that has closed the other end did not want it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            # otherwise Python complains itself on exit, with code 120
            if _is_closed_pipe(error):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_closed_pipe(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _told(error: BaseException) -> tuple[str, int]:
    """Return the message and the exit code: 2 if the user can fix it, otherwise 1."""
    match error:
        case BpttError():
            return plain(str(error)), error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return "Interrupted.", 130
        case OSError() if is_full(error):
            place = f" at {error.filename}" if error.filename else ""
            return f"The disk is full{place}: free some space and give the command again.", 1
        case OSError(errno=errno.ENAMETOOLONG, filename=str(name)):
            return f"{quoted(name)}: is too long for a name.", UserError.exit_code
        case OSError(strerror=str(reason), filename=str(name)):
            return f"{plain(name)}: {reason}.", 1
        case ModuleNotFoundError(name=str(name)) if not name.startswith("bptt"):
            return f"{name} is not installed. Install what trains: pip install 'bptt[local]'.", 2
    message = " ".join(str(error).split())
    message = plain(message)
    return f"bptt failed: {type(error).__name__}: {message} (bptt --debug ... shows where)", 1


@click.group(
    cls=Commands,
    commands={name: Deferred(name, short_help=text) for name, text in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="bptt %(version)s")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
@click.option("--server", metavar="URL", help="Use a team server instead of this machine's queue.")
@click.pass_context
def main(ctx: click.Context, debug: bool, server: str | None) -> None:
    """Measure why gradients vanish or explode through time in RNNs, and what fixes it."""
    command = ctx.invoked_subcommand
    if server is not None and command not in SPEAKING:
        raise click.UsageError(f"bptt {command} works only on this machine: leave --server out.")
    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show a character gets a question mark, not a failed command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
