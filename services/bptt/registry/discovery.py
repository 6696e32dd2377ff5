"""Entry points: discover (metadata only) → find one → load it and check its type."""

import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import Any, Literal, get_args

from bptt.errors import (
    BrokenPlugin,
    ContractViolation,
    DuplicatePlugin,
    MissingExtra,
    UnknownPlugin,
)
from bptt.registry.installed import follow

Kind = Literal["cell", "clipper", "task", "claim"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_KINDS_BY_GROUP: Mapping[str, Kind] = {f"bptt.{kind}s": kind for kind in KINDS}


@dataclass(frozen=True, order=True)
class Plugin:
    """An installed plugin as its distribution's metadata announces it; nothing is imported."""

    kind: Kind
    name: str
    distribution: str
    version: str
    value: str
    """Where the class is: `module:attribute`, and `[extra]` if it is there only with one."""

    @property
    def needs_extra(self) -> bool:
        """Say whether its distribution has it only with an extra."""
        return bool(_extras(self.value))

    @property
    def origin(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version}"

    @property
    def label(self) -> str:
        """`distribution[name] version`, the subject of every error about it."""
        return f"{self.distribution}[{self.name}] {self.version}"


def discover(kind: Kind) -> dict[str, tuple[Plugin, ...]]:
    """Return the installed plugins of a kind by name, sorted; imports none of them.

    If distributions clash, a name has more than one plugin: an error only for those who use it.
    """
    return dict(_announced(search_path()).installed[kind])


def find(kind: Kind, name: str) -> Plugin:
    """Return the one plugin of this name, without importing it.

    Raises:
        UnknownPlugin: no distribution provides it.
        MissingExtra: one would, with an extra that is not installed.
        DuplicatePlugin: several do.
    """
    installed = discover(kind)
    if name not in installed:
        if lacking := _announced(search_path()).lacking[kind].get(name):
            distribution, extra = lacking
            raise MissingExtra(kind, name, distribution, extra)
        raise UnknownPlugin(kind, name, list(installed))
    plugins = installed[name]
    if len(plugins) > 1:
        raise DuplicatePlugin(kind, name, [plugin.origin for plugin in plugins])
    return plugins[0]


def load(kind: Kind, name: str) -> type[Any]:
    """Import the plugin of this name and return its class.

    Raises:
        UnknownPlugin: no distribution provides it.
        DuplicatePlugin: several do.
        BrokenPlugin: its import failed.
        ContractViolation: it is not a complete subclass of its contract.
    """
    return load_plugin(find(kind, name))


def load_plugin(plugin: Plugin) -> type[Any]:
    """Import one discovered plugin and return its class; raises as `load`."""
    entry = metadata.EntryPoint(plugin.name, plugin.value, f"bptt.{plugin.kind}s")
    try:
        loaded = entry.load()
    except KeyboardInterrupt:
        raise
    # a module may end its import with SystemExit or worse, which must not end the service
    except BaseException as cause:
        raise BrokenPlugin(
            f"{plugin.label} ({plugin.value}) cannot be imported: {one_line(cause)}. "
            f"{_mending(plugin, cause)}"
        ) from cause
    contract = _contract(plugin.kind)
    if not (isinstance(loaded, type) and issubclass(loaded, contract)):
        raise ContractViolation(
            f"{plugin.label} must be a subclass of bptt.contracts.{contract.__name__}, "
            f"got {_what(loaded)} from {plugin.value}."
        )
    missing = set(getattr(loaded, "__abstractmethods__", ()))
    own: Any = loaded
    if plugin.kind == "task" and own.loss is None and own.losses is contract.losses:
        missing.add("loss or losses")
    if missing:
        lacks = ", ".join(sorted(missing))
        raise ContractViolation(f"{plugin.label} ({plugin.value}) does not define: {lacks}.")
    return loaded


def one_line(cause: BaseException) -> str:
    """Return type and message of an exception without line breaks or a final full stop."""
    message = " ".join(str(cause).split())[:300].rstrip(".")
    return f"{type(cause).__name__}: {message}" if message else type(cause).__name__


def search_path() -> tuple[tuple[str, int], ...]:
    """Return what discovery depends on: installing a package touches its folder."""
    return tuple((entry, _modified(entry)) for entry in sys.path)


def _modified(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


@dataclass(frozen=True)
class _Announced:
    """What the metadata of all distributions announce."""

    installed: Mapping[Kind, Mapping[str, tuple[Plugin, ...]]]
    lacking: Mapping[Kind, Mapping[str, tuple[str, str]]]
    """Distribution and extra of what would be there with that extra, by name."""


@lru_cache(maxsize=8)
def _announced(_path: tuple[tuple[str, int], ...]) -> _Announced:
    found: dict[Kind, dict[str, set[Plugin]]] = {kind: {} for kind in KINDS}
    lacking: dict[Kind, dict[str, tuple[str, str]]] = {kind: {} for kind in KINDS}
    seen: set[str] = set()
    # an editable install is found by its metadata, and imported through a path file
    follow()
    for distribution in metadata.distributions():
        # unreadable metadata of a distribution hides only its own plugins
        with suppress(Exception):
            # its name and version are in a file that takes ten times as long to read
            if not _entries(distribution):
                continue
            name = _header(distribution, "Name")
            canonical = re.sub(r"[-_.]+", "-", name).lower()
            if canonical in seen:
                continue
            if canonical:
                seen.add(canonical)
                # an editable install and its build folder are one; the first is imported
                distribution = metadata.distribution(name)
            version = _header(distribution, "Version")
            for entry in _entries(distribution):
                kind = _KINDS_BY_GROUP[entry.group]
                origin = (name or "unknown distribution", version or "?")
                wanting = [e for e in _extras(entry.value) if not _has(distribution, e)]
                if wanting:
                    lacking[kind][entry.name] = (origin[0], ",".join(wanting))
                    continue
                plugin = Plugin(kind, entry.name, *origin, entry.value)
                found[kind].setdefault(entry.name, set()).add(plugin)
    installed = {
        kind: {name: tuple(sorted(plugins)) for name, plugins in sorted(by_name.items())}
        for kind, by_name in found.items()
    }
    return _Announced(installed, lacking)


def _entries(distribution: metadata.Distribution) -> list[metadata.EntryPoint]:
    return [e for e in distribution.entry_points if e.group in _KINDS_BY_GROUP]


def _extras(value: str) -> list[str]:
    """Return the extras in `module:attribute [extra]`, also of a value that leads nowhere."""
    bracket = re.search(r"\[([^\]]*)\]\s*$", value)
    return re.findall(r"[\w.-]+", bracket.group(1)) if bracket else []


def _has(distribution: metadata.Distribution, extra: str) -> bool:
    """Say whether all that an extra of a distribution asks for is installed, in any version."""
    for requirement in distribution.requires or ():
        wanted, _, condition = requirement.partition(";")
        if re.search(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]", condition):
            named = re.match(r"[\w.-]+", wanted.strip())
            try:
                metadata.distribution(named.group() if named else wanted)
            except metadata.PackageNotFoundError:
                return False
    return True


def _header(distribution: metadata.Distribution, name: str) -> str:
    """Return what a distribution's metadata say; empty if they say nothing."""
    try:
        return distribution.metadata[name] or ""
    # once importlib_metadata has been imported, as by mlflow, it finds distributions in
    # Python's stead, and raises an error of its own for one without metadata
    except Exception:
        return ""


def _contract(kind: Kind) -> type[Any]:
    # imported here: the contracts need torch, and the command line must start without it
    from bptt import contracts

    return {
        "cell": contracts.Cell,
        "clipper": contracts.Clipper,
        "task": contracts.Task,
        "claim": contracts.Claim,
    }[kind]


def _what(loaded: object) -> str:
    if isinstance(loaded, type):
        return f"the class {loaded.__name__}"
    return f"a {type(loaded).__name__}"


def _mending(plugin: Plugin, cause: BaseException) -> str:
    if isinstance(cause, ModuleNotFoundError) and cause.name == "torch":
        return "Install what trains: pip install 'bptt[worker]'."
    if isinstance(cause, ModuleNotFoundError):
        return f"Install {cause.name}, or uninstall {plugin.distribution}."
    return f"Mend or uninstall {plugin.distribution}."
