"""`bptt run`: trains the runs that run files describe, one after the other, in this process."""

import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from threading import Event
from typing import TYPE_CHECKING

import click

from bptt.cli.commands.show import print_runs
from bptt.cli.interrupts import stop_request
from bptt.cli.options import json_option, set_option
from bptt.content import UnusableFile
from bptt.errors import BpttError, InvalidSetting, InvalidSpec, OutOfMemory, UserError
from bptt.imported import importing
from bptt.registry import keep_imported
from bptt.run_folder import RunFolder, find_run
from bptt.settings import Settings, read_settings
from bptt.temporary import own_folder

if TYPE_CHECKING:
    from bptt.cli.delivery import Delivery
    from bptt.run_file import RunRequest


class Interrupted(BpttError):
    """The user pressed Ctrl-C; the run is saved."""

    exit_code = 130


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1)
@set_option("Change a value of every FILE, as in --set cell=gru --set optimizer.lr=3e-3.")
@click.option("--resume", metavar="RUN", help="Continue a stopped run.")
@json_option("list instead of tables")
@click.option("--quiet", is_flag=True, help="Print the ids of the runs and nothing else.")
def run(
    files: tuple[str, ...],
    overrides: tuple[str, ...],
    resume: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train the run that each FILE describes, and show what it measured.

    All files are checked before anything is written. Ctrl-C stops a run so that --resume can
    continue it. A run that diverges is a result like any other.
    """
    if resume and (files or overrides):
        raise click.UsageError("--resume goes on with a run as it is: leave FILE and --set out.")
    if not resume and not files:
        raise click.UsageError("Give a run file, or --resume RUN.")
    settings = read_settings()
    if find_spec("torch") is None:
        # every plugin of every file would say so
        raise ModuleNotFoundError(name="torch")
    with stop_request() as stop:
        requests = _read_requests(files, overrides)
        folders = [find_run(settings.runs, resume)] if resume else []
        if stop.is_set():
            raise KeyboardInterrupt
    # what is edited from now on is not what runs here
    keep_imported()
    _train_all(settings, requests, folders, quiet)
    if quiet and not as_json:
        click.echo("\n".join(folder.run_id for folder in folders))
    else:
        print_runs(folders, as_json)


def _train_all(
    settings: Settings, requests: "Sequence[RunRequest]", folders: list[RunFolder], quiet: bool
) -> None:
    """Train the runs of `folders`, then those of `requests`, whose folders are added."""
    from bptt.cli.delivery import Delivery

    with (
        own_folder(settings.home),
        Delivery(settings, quiet) as delivery,
        stop_request() as stop,
    ):
        _prepare_home(settings)
        for folder in folders:
            _train(folder, settings, delivery, stop, quiet)
        for request in requests:
            folder = _begin(settings, request)
            folders.append(folder)
            _train(folder, settings, delivery, stop, quiet)


def _begin(settings: Settings, request: "RunRequest") -> RunFolder:
    from bptt.execution.execute import begin

    try:
        return begin(settings, request)
    except UnusableFile as refusal:
        raise UserError(f"A file of the run {refusal} Nothing was begun.") from None


def _read_requests(files: Sequence[str], overrides: Sequence[str]) -> "list[RunRequest]":
    """Return what every file asks for, or report the faults of all of them at once."""
    from bptt.run_file import read_run_file

    requests, faults = [], []
    for file in files:
        try:
            requests.append(read_run_file(file, overrides))
        except InvalidSpec as error:
            faults += error.faults
    if faults:
        # a wrong override is wrong for every file
        raise InvalidSpec(list(dict.fromkeys(faults)))
    return requests


def _prepare_home(settings: Settings) -> None:
    """Create the home folder if there is none, and check that files can be written there."""
    try:
        settings.runs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.runs) as file:
            file.write(b"\0")
    except OSError as error:
        raise InvalidSetting(
            f"The home folder {str(settings.home)!r} cannot be written: {error.strerror}. "
            "Set BPTT_HOME to a folder that can."
        ) from error


def _train(
    folder: RunFolder, settings: Settings, delivery: "Delivery", stop: Event, quiet: bool
) -> None:
    from bptt.cli.progress import Bar

    with importing():
        from bptt.execution.execute import RunProgress, execute
    from bptt.memory_limit import is_memory
    from bptt.registry.discovery import one_line

    again = f"bptt run --resume {folder.run_id}"

    def advance(progress: RunProgress) -> None:
        # not earlier: a run that cannot be built leaves nothing behind
        delivery.add(folder)
        bar.advance(progress)

    try:
        with Bar(folder, quiet) as bar:
            result = execute(
                folder,
                checkpoint_seconds=settings.checkpoint_seconds,
                on_progress=advance,
                should_stop=stop.is_set,
            )
    except OutOfMemory:
        raise
    # whatever a plugin or the disk does, even ending the process, the run keeps its last
    # checkpoint
    except (Exception, SystemExit) as error:
        if is_memory(error):
            raise OutOfMemory(
                f"Run {folder.run_id} needs more memory than there is. Make model.hidden_size, "
                "training.batch_size, training.evaluation_size or the task's length smaller."
            ) from error
        if isinstance(error, BpttError):
            raise
        kept = f" It is kept as of its last checkpoint; go on with: {again}"
        raise BpttError(
            f"Run {folder.run_id} failed: {one_line(error)}. (bptt --debug ... shows where.)"
            f"{kept if folder.checkpoint.exists() else ''}"
        ) from error
    if result is None:
        raise Interrupted(f"Stopped; nothing is lost. Resume with: {again}")
    delivery.add(folder)
