"""A YAML file, checked as a whole, becomes the request for one run or for a grid of them.

One reader serves both: a run file is the grid of one point, in which lists are refused. Every
fault is told at once, each with the line of the file or the `--set` that caused it.
"""

from collections.abc import Sequence
from pathlib import Path

from bptt.errors import InvalidSpec
from bptt.run_file.consistency import try_out
from bptt.run_file.contents import PARTS, Contents
from bptt.run_file.document import Node, read_document
from bptt.run_file.expansion import expand
from bptt.run_file.overrides import apply_overrides
from bptt.run_file.reading import Reading
from bptt.run_file.request import GridRequest, RunRequest
from bptt.run_file.resolution import resolve
from bptt.run_file.sections import check_names, read_label
from bptt.run_file.text import read_text

__all__ = ["GridRequest", "RunRequest", "read_grid_file", "read_run_file"]


def read_run_file(path: str | Path, overrides: Sequence[str] = ()) -> RunRequest:
    """Return the run a file asks for, with `key=value` overrides applied.

    Raises:
        InvalidSpec: all that is wrong with the file and the overrides.
    """
    return _read(Path(path), str(path), overrides, grid=False)[0]


def read_grid_file(path: str | Path, overrides: Sequence[str] = ()) -> GridRequest:
    """Return the grid a file spans: each list in it, and in the overrides, is an axis.

    Raises:
        InvalidSpec: all that is wrong with the file and the overrides.
    """
    return _read(Path(path), str(path), overrides, grid=True)


def _read(path: Path, source: str, overrides: Sequence[str], grid: bool) -> GridRequest:
    text = read_text(path)
    reading = Reading(source, grid)
    root = read_document(text, source, reading.faults)
    if root is None:
        raise InvalidSpec(
            [
                f"{source}: is empty. Least content: `task: adding` and, in a line below, "
                "`cell: lstm`."
            ]
        )
    if not isinstance(root.value, dict):
        what = "a list" if isinstance(root.value, list) else "a single value"
        raise InvalidSpec([f"{root.place.text}: must be a mapping of sections, got {what}."])
    apply_overrides(root, overrides, reading.faults)
    return _request(root.value, path, reading)


def _request(root: dict[str, Node], path: Path, reading: Reading) -> GridRequest:
    faults = reading.faults
    check_names(root, reading)
    labels = {name: read_label(name, root, reading) for name in ("name", "project")}
    contents = Contents(reading)
    expansion = expand(root, contents, reading)
    readable = {part: not faults.concern(part) for part in PARTS}
    trial = try_out(contents, expansion.rows, readable, faults)
    faults.raise_if_any()
    return resolve(contents, expansion, trial, labels, path.stem, reading)
