"""A YAML file, checked as a whole, becomes the request for one run or for a grid of them.

One reader serves both: a run file is a grid of one point, in which lists are rejected. All
faults are reported at once, each with the line of the file or the `--set` that caused it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bptt import registry
from bptt.errors import ContentNeeded, InvalidSpec, quoted
from bptt.file_text import check_text, read_text
from bptt.run_file.consistency import try_out
from bptt.run_file.contents import PARTS, Contents
from bptt.run_file.document import Node, read_document
from bptt.run_file.estimate import CostEstimate
from bptt.run_file.expansion import Expansion, expand
from bptt.run_file.faults import InputPlace
from bptt.run_file.files import Files
from bptt.run_file.outline import GridOutline, outline
from bptt.run_file.overrides import apply_overrides
from bptt.run_file.reading import Reading
from bptt.run_file.request import GridRequest, RunRequest
from bptt.run_file.resolution import resolve
from bptt.run_file.room import refuse_too_large
from bptt.run_file.sections import LABELLED, check_names, is_label, read_label

__all__ = [
    "Files",
    "GridOutline",
    "GridRequest",
    "RunRequest",
    "outline_grid_text",
    "read_grid_file",
    "read_grid_text",
    "read_run_file",
]


def read_run_file(path: str | Path, overrides: Sequence[str] = ()) -> RunRequest:
    """Return the run that a file asks for, with `key=value` overrides applied.

    Raises:
        InvalidSpec: all that is wrong with the file and the overrides.
    """
    own = Files(is_here=True)
    return _read(read_text(Path(path)), str(path), overrides, own, grid=False)[0]


def read_grid_file(path: str | Path, overrides: Sequence[str] = ()) -> GridRequest:
    """Return the grid that a file describes: each list in it, and in the overrides, is an axis.

    Raises:
        InvalidSpec: all that is wrong with the file and the overrides.
    """
    own = Files(is_here=True)
    return _read(read_text(Path(path)), str(path), overrides, own, grid=True)


def read_grid_text(
    text: str, filename: str, overrides: Sequence[str] = (), files: Files | None = None
) -> GridRequest:
    """Return the grid that the text of a file describes, wherever the file itself is.

    Args:
        text: what `read_text` returned of the file.
        filename: what a fault calls it; its stem names a grid that has no name.
        overrides: `key=value`, applied in this order.
        files: what is known about the files it names; no path is opened.

    Raises:
        ContentNeeded: a file that it names is unknown, or its content is not here.
        InvalidSpec: all that is wrong with the text and the overrides.
    """
    check_text(text, filename)
    return _read(text, filename, overrides, files or Files(), grid=True)


def outline_grid_text(
    text: str, filename: str, overrides: Sequence[str], files: Files
) -> GridOutline:
    """Return what can be said about a grid while contents of its files are missing.

    Args:
        text: as for `read_grid_text`.
        filename: likewise.
        overrides: likewise.
        files: hash and size of each; plugins that would read missing contents are not constructed.

    Raises:
        ContentNeeded: a file that it names is unknown.
        InvalidSpec: all that is wrong, as far as can be seen.
    """
    check_text(text, filename)
    reading = Reading(filename, True, files)
    root = _root(text, overrides, reading)
    contents, expansion, labels = _expand(root, reading)
    with registry.files_at(files.places, files.names):
        try_out(contents, expansion.rows, _readable(contents, reading), reading.faults)
    reading.faults.raise_if_any()
    return outline(contents, expansion, labels, Path(filename).stem, files)


def _read(
    text: str, source: str, overrides: Sequence[str], files: Files, grid: bool
) -> GridRequest:
    reading = Reading(source, grid, files)
    root = _root(text, overrides, reading)
    return _request(root, Path(source).stem, reading)


def _root(text: str, overrides: Sequence[str], reading: Reading) -> dict[str, Node]:
    source = reading.source
    root = read_document(text, source, reading.faults)
    if root is None:
        raise InvalidSpec(
            [
                f"{source}: is empty. It needs at least `task: adding` and, on another line, "
                "`cell: lstm`."
            ]
        )
    if not isinstance(root.value, dict):
        what = "a list" if isinstance(root.value, list) else "a single value"
        raise InvalidSpec([f"{root.place.text}: must be a mapping of sections, got {what}."])
    apply_overrides(root, overrides, reading.faults)
    content: dict[str, Node] = root.value
    return content


def _expand(
    root: dict[str, Node], reading: Reading
) -> tuple[Contents, Expansion, Mapping[str, str | None]]:
    check_names(root, reading)
    labels = {name: read_label(name, root, reading) for name in ("name", "project")}
    _check_own_name(root, reading)
    contents = Contents(reading)
    expansion = expand(root, contents, reading)
    if reading.files.unknown:
        raise ContentNeeded(names=tuple(reading.files.unknown))
    return contents, expansion, labels


def _check_own_name(root: Mapping[str, Node], reading: Reading) -> None:
    own = Path(reading.source).stem
    if "name" not in root and not is_label(own):
        message = (
            f"the file's own name, {quoted(own)}, cannot be that of what it describes: "
            f"give one, name: ..., that is {LABELLED}."
        )
        reading.faults.add("name", InputPlace(0, reading.source), message)


def _readable(contents: Contents, reading: Reading) -> dict[str, bool]:
    """Return which sections can be tried out: those without faults or missing files."""
    lacking = set(reading.files.lacking())
    return {
        part: not reading.faults.concern(part)
        and not any(contents.refers(part, digest) for digest in lacking)
        for part in PARTS
    }


def _request(root: dict[str, Node], default_name: str, reading: Reading) -> GridRequest:
    faults = reading.faults
    contents, expansion, labels = _expand(root, reading)
    readable = _readable(contents, reading)
    with registry.files_at(reading.files.places, reading.files.names):
        trial = try_out(contents, expansion.rows, readable, faults)
        faults.raise_if_any()
        if lacking := reading.files.lacking():
            raise ContentNeeded(hashes=lacking)
        refuse_too_large(CostEstimate(trial, contents.tables), expansion.rows, contents, faults)
        faults.raise_if_any()
        return resolve(contents, expansion, trial, labels, default_name, reading)
