"""Which folder on this machine is that of a run, as a command names it."""

from collections.abc import Sequence
from pathlib import Path

from bptt.cli.run_words import title_of
from bptt.errors import GridNotFound, RunNotFound, UserError
from bptt.run_folder import RunFolder, find_run
from bptt.settings import Settings


def has_queue(settings: Settings) -> bool:
    """Say whether anything was ever queued here: looking at a folder must not create a database."""
    database = settings.database
    return bool(settings.server) or not isinstance(database, Path) or database.exists()


def folder_here(settings: Settings, name: str) -> RunFolder | None:
    """Return the folder of a run that the queue does not know."""
    try:
        folder = find_run(settings.runs, name)
    except RunNotFound:
        return None
    return folder if (folder.path / "run.json").exists() else None


def one_folder(settings: Settings, names: Sequence[str]) -> RunFolder:
    """Return the folder of the one run that is to be drawn."""
    if len(names) != 1:
        raise UserError("--pictures FOLDER draws one run: give the id of one.")
    if (settings.runs / names[0] / "run.json").exists() or not has_queue(settings):
        return find_run(settings.runs, names[0])
    from bptt.client import connect

    with connect(settings) as client:
        try:
            found = client.find(names[0])
        except (GridNotFound, RunNotFound):
            return find_run(settings.runs, names[0])
    if found.kind == "grid":
        raise UserError(
            "--pictures FOLDER draws one run, and this is a grid. Its pictures: "
            f"bptt compare {found.id} --pictures FOLDER"
        )
    folder = folder_here(settings, found.id)
    if folder is None:
        raise UserError(
            f"Run {title_of(found)} has left nothing to draw on this machine. If another one "
            "trained it, give this command there."
        )
    return folder
