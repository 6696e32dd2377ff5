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
from bptt.run_file.estimate import Estimate
from bptt.run_file.expansion import expand
from bptt.run_file.overrides import apply_overrides
from bptt.run_file.reading import Reading
from bptt.run_file.request import GridRequest, RunRequest
from bptt.run_file.resolution import resolve
from bptt.run_file.room import refuse_too_large
from bptt.run_file.sections import check_names, read_label
from bptt.run_file.text import check_text, read_text

__all__ = [
    "GridRequest",
    "RunRequest",
    "read_grid_file",
    "read_grid_text",
    "read_run_file",
    "read_text",
]


def read_run_file(path: str | Path, overrides: Sequence[str] = ()) -> RunRequest:
    """Return the run a file asks for, with `key=value` overrides applied.

    Raises:
        InvalidSpec: all that is wrong with the file and the overrides.
    """
    return _read(read_text(Path(path)), str(path), overrides, grid=False)[0]


def read_grid_file(path: str | Path, overrides: Sequence[str] = ()) -> GridRequest:
    """Return the grid a file spans: each list in it, and in the overrides, is an axis.

    Raises:
        InvalidSpec: all that is wrong with the file and the overrides.
    """
    return _read(read_text(Path(path)), str(path), overrides, grid=True)


def read_grid_text(text: str, filename: str, overrides: Sequence[str] = ()) -> GridRequest:
    """Return the grid that the text of a file spans, wherever the file itself lies.

    Args:
        text: what `read_text` returned of the file.
        filename: what a fault calls it; its stem names a grid that has no name.
        overrides: `key=value`, applied in this order.

    Raises:
        InvalidSpec: all that is wrong with the text and the overrides.
    """
    check_text(text, filename)
    return _read(text, filename, overrides, grid=True)


def _read(text: str, source: str, overrides: Sequence[str], grid: bool) -> GridRequest:
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
    return _request(root.value, Path(source).stem, reading)


def _request(root: dict[str, Node], default_name: str, reading: Reading) -> GridRequest:
    faults = reading.faults
    check_names(root, reading)
    labels = {name: read_label(name, root, reading) for name in ("name", "project")}
    contents = Contents(reading)
    expansion = expand(root, contents, reading)
    readable = {part: not faults.concern(part) for part in PARTS}
    trial = try_out(contents, expansion.rows, readable, faults)
    faults.raise_if_any()
    refuse_too_large(Estimate(trial, contents.tables), expansion.rows, contents, faults)
    faults.raise_if_any()
    return resolve(contents, expansion, trial, labels, default_name, reading)
