"""From a plugin's name and its options to the object: check them all, then construct."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from bptt.errors import BpttError, BrokenPlugin, ContractViolation, InvalidSpec, did_you_mean
from bptt.registry.discovery import Kind, Plugin, find, load_plugin, one_line
from bptt.registry.files import opened, renamed
from bptt.registry.option import MisfitError, Option, options

if TYPE_CHECKING:
    from bptt.contracts import Cell, Claim, Clipper, Task


@overload
def construct(kind: Literal["task"], name: str, given: Mapping[str, Any]) -> "Task": ...
@overload
def construct(kind: Literal["clipper"], name: str, given: Mapping[str, Any]) -> "Clipper": ...
@overload
def construct(kind: Literal["claim"], name: str, given: Mapping[str, Any]) -> "Claim": ...
def construct(kind: Kind, name: str, given: Mapping[str, Any]) -> Any:
    """Return the task, clipper or claim of this name with these options.

    Raises:
        InvalidSpec: an option does not fit, or the constructor refused it with a `ValueError`.
        PluginError: the plugin is unknown, ambiguous, broken or against its contract.
    """
    return _construct(kind, name, given, ())


def construct_cell(
    name: str, given: Mapping[str, Any], input_size: int, hidden_size: int
) -> "Cell":
    """Return the cell of this name with these options and sizes; raises as `construct`."""
    cell: Cell = _construct("cell", name, given, (input_size, hidden_size))
    return cell


def construct_class(
    kind: Kind, plugin_class: type[Any], given: Mapping[str, Any], *sizes: int
) -> Any:
    """Return an object of a class that need not be installed; its errors are passed on unchanged.

    Raises:
        InvalidSpec: an option does not fit.
        DataChanged: the content of a file is not here.
        ContractViolation: the constructor's signature declares an option wrongly.
    """
    known = options(plugin_class)
    read, faults = _read(kind, known, given)
    if faults:
        raise InvalidSpec([f"{kind}.{fault.replace(': ', ' ', 1)}" for fault in faults])
    given_files = {name: opened(value) for name, value in read.items() if known[name].is_file}
    return plugin_class(*sizes, **(read | given_files))


def _construct(kind: Kind, name: str, given: Mapping[str, Any], sizes: tuple[int, ...]) -> Any:
    plugin = find(kind, name)
    plugin_class = load_plugin(plugin)
    _check_signature(plugin, plugin_class)
    try:
        return construct_class(kind, plugin_class, given, *sizes)
    except BpttError:
        raise
    except ValueError as cause:
        message = renamed(" ".join(str(cause).split()).rstrip("."))
        raise InvalidSpec([f"{kind} {name!r}: {message}."]) from cause
    # no constructor may end the process
    except (Exception, SystemExit) as cause:
        raise BrokenPlugin(
            f"{plugin.label} cannot be constructed: {renamed(one_line(cause))}. "
            f"Check it: bptt plugins check {name}"
        ) from cause


def _check_signature(plugin: Plugin, plugin_class: type[Any]) -> None:
    try:
        options(plugin_class)
    except ContractViolation as violation:
        raise ContractViolation(f"{plugin.label}: {violation}") from violation


def _read(
    kind: Kind, known: Mapping[str, Option], given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the values as the constructor expects them, in its order, and the faults."""
    read: dict[str, Any] = {}
    faults = [_unknown(kind, str(name), known) for name in given if name not in known]
    for name, option in known.items():
        if name not in given and option.required:
            faults.append(f"{name}: must be given ({option.allowed}).")
            continue
        try:
            read[name] = option.read(given.get(name, option.default))
        except MisfitError as misfit:
            faults.append(f"{name}: {misfit}")
    return read, faults


def _unknown(kind: Kind, name: str, known: Mapping[str, Option]) -> str:
    if not known:
        return f"{name}: is not an option of this {kind}, which takes none."
    allowed = ", ".join(sorted(known))
    nearest = did_you_mean(name, list(known))
    return f"{name}: is not an option of this {kind}{nearest} Allowed: {allowed}."
