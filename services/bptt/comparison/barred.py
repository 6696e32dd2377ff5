"""Why grids cannot be extended, in the words of an advice."""

from bptt.comparison.seeds_to_add import Barred
from bptt.records.grids import ChangedPlugin


def by_plugin(grid: str, changed: ChangedPlugin | None) -> dict[str, Barred]:
    """Return why a grid cannot be extended, by what commands call it; empty if nothing has changed.

    Args:
        grid: what commands call it.
        changed: a plugin of it that is not what it was.
    """
    if changed is None:
        return {}
    why = f"No run can be added to grid {grid}, as {changed.what}"
    if not changed.is_installed:
        return {grid: Barred(f"{why}: install that version again", again=False)}
    return {grid: Barred(f"{why}; its file, submitted again, makes a grid of what is installed")}


def by_owner(grid: str, name: str, owner: str) -> dict[str, Barred]:
    """Return why who asks cannot extend a grid, which is somebody else's.

    Args:
        grid: what commands call it.
        name: its own.
        owner: whose it is.
    """
    why = (
        f"Only {owner} or an admin adds runs to grid {grid}; its file, submitted by you, makes a "
        "grid of yours, which its runs serve, too"
    )
    return {grid: Barred(why, own=name)}
