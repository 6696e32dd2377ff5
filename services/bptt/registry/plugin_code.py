"""What a plugin computes: what its version says, or what the code says that is here.

A plugin of a released version is named by its distribution and version. One that was installed from
a folder or a repository (`pip install -e`), or edited where it was installed, is named by the hash
of its code as well: of its module and whatever that imports from its own distribution.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from urllib.parse import unquote, urlsplit

from bptt.registry.discovery import Plugin, search_path
from bptt.registry.module_code import (
    SUFFIXES,
    Imported,
    ModuleCode,
    Stamp,
    read_module,
    stamp_of,
)

MARK = " code "
"""Between a distribution's version and the hash of a plugin's code."""
DIGITS, DIGITS_OF_FILE, DIGITS_SHOWN = 16, 12, 8
INSTALLED = ("site-packages", "dist-packages")
"""Folders that belong to no project, though they may lie within one."""


@dataclass(frozen=True)
class PluginCode:
    """What a plugin computes."""

    origin: str
    """Distribution and version, as in `my-cells 0.1.0`."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Digest of each of its files, `my_cells/gates.py` -> 12 hex digits; empty: as released."""
    digest: str = ""
    """Of all of them; empty: as released."""

    @property
    def text(self) -> str:
        """How a run records it, and what its identity is made from."""
        return f"{self.origin}{MARK}{self.digest}" if self.digest else self.origin


def code_of(plugin: Plugin, *, always: bool = False) -> PluginCode:
    """Return what a plugin computes, without importing it.

    Seen are imports written as such, wherever they stand. Not seen are modules imported by a
    computed name, and files that the code opens.

    Args:
        plugin: as discovered.
        always: hash even code that is as released.
    """
    path = search_path()
    known = _KNOWN.get((plugin, always))
    if known is not None and known.path == path and known.still_holds():
        return known.code
    places = _Places()
    code = _found_code(plugin, _own_files(plugin.distribution, path), places, always)
    _KNOWN[plugin, always] = _Known(code, path, places.stamps)
    return code


def _found_code(plugin: Plugin, own: "OwnFiles", places: "_Places", always: bool) -> PluginCode:
    modules = dict(_reached(plugin.value.partition(":")[0].strip(), own, places))
    as_released = own.is_release and all(
        own.recorded.get(path) in (None, "", code.content) for path, code in modules.values()
    )
    if not modules or (as_released and not always):
        return PluginCode(plugin.origin)
    digests = {label: code.digest for label, (_, code) in sorted(modules.items())}
    digest = hashlib.sha256(json.dumps(list(digests.items())).encode()).hexdigest()
    files = {label: one[:DIGITS_OF_FILE] for label, one in digests.items()}
    return PluginCode(plugin.origin, files, digest[:DIGITS])


@dataclass(frozen=True)
class _Known:
    """What was found of a plugin, and all that it depends on."""

    code: PluginCode
    path: tuple[tuple[str, int], ...]
    stamps: Mapping[str, Stamp]
    """Of each file that was read and of each folder that was listed, by its path."""

    def still_holds(self) -> bool:
        """Say whether nothing of that has changed: a tenth of the time of another look."""
        return all(stamp_of(path) == stamp for path, stamp in self.stamps.items())


_KNOWN: dict[tuple[Plugin, bool], _Known] = {}


def released(text: str) -> str:
    """Return the distribution and version that a record of a plugin begins with."""
    return text.partition(MARK)[0]


def program_of(text: str, *, with_name: bool = False) -> str:
    """Return `0.1.0` of a release, `0.1.0+3f9c12ab` of other code.

    Args:
        text: the record of a plugin.
        with_name: whether the distribution's name is told as well.
    """
    origin, _, digest = text.partition(MARK)
    name, _, version = origin.rpartition(" ")
    told = f"{name}-{version}" if with_name else version
    return f"{told}+{digest[:DIGITS_SHOWN]}" if digest else told


@dataclass(frozen=True)
class OwnFiles:
    """The files of a distribution, and whether its version says what is in them."""

    is_release: bool
    root: str | None
    """Folder of the project that is installed in place; None: its files were copied."""
    recorded: Mapping[str, str]
    """Hash of each file that was copied, by its path, as the installer recorded it."""

    def has(self, path: str) -> bool:
        """Say whether a module's file belongs to the distribution."""
        if path in self.recorded:
            return True
        if self.root is None or not path.startswith(self.root + os.sep):
            return False
        return not any(part in INSTALLED for part in path[len(self.root) :].split(os.sep))


@lru_cache(maxsize=64)
def _own_files(distribution: str, _path: tuple[tuple[str, int], ...]) -> OwnFiles:
    # without readable metadata it is what its name and version say
    with suppress(Exception):
        found = metadata.distribution(distribution)
        is_release, root = _installed_from(found)
        recorded = {
            os.path.realpath(str(file.locate())): file.hash.value if file.hash else ""
            for file in found.files or ()
            if file.suffix in (".py", ".so", ".pyd")
        }
        return OwnFiles(is_release, root, recorded)
    return OwnFiles(True, None, {})


def _installed_from(found: metadata.Distribution) -> tuple[bool, str | None]:
    """Return whether a distribution is a release, and the folder that it is used in, if any."""
    if text := found.read_text("direct_url.json"):
        origin = json.loads(text)
        if not origin.get("dir_info", {}).get("editable"):
            # a wheel, whatever its address, is a release; a folder or a repository is not
            return "archive_info" in origin, None
        return False, os.path.realpath(unquote(urlsplit(origin["url"]).path))
    # as `setup.py develop` leaves it: metadata beside the sources
    folder = os.path.realpath(str(found.locate_file("")))
    beside = found.read_text("SOURCES.txt") is not None
    in_place = beside and os.path.basename(folder) not in INSTALLED
    return not in_place, folder if in_place else None


def _reached(
    start: str, own: OwnFiles, places: "_Places"
) -> Iterator[tuple[str, tuple[str, ModuleCode]]]:
    """Yield label, path and code of each module of a distribution that one of them leads to."""
    waiting, seen = [start], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        place = places.find(name)
        if place is None:
            continue
        if parent := name.rpartition(".")[0]:
            waiting.append(parent)
        if not place.path or not own.has(place.path):
            continue
        # one that vanishes meanwhile cannot be imported either
        with suppress(OSError):
            code = read_module(place.path, name)
            # of what was read, which need not be what is there now
            places.stamps[place.path] = code.stamp
            ending = "/__init__.py" if place.is_package else os.path.splitext(place.path)[1]
            yield name.replace(".", "/") + ending, (place.path, code)
            package = name if place.is_package else parent
            waiting += _named(code.imports, package)


def _named(imports: Iterable[Imported], package: str) -> Iterator[str]:
    """Yield what may be the names of modules that a module of a package imports."""
    for one in imports:
        base = one.module
        if one.level:
            above = package.split(".")[: len(package.split(".")) - one.level + 1]
            base = ".".join([*above, one.module] if one.module else above)
        if base:
            yield base
            yield from (f"{base}.{name}" for name in one.names if name != "*")


@dataclass(frozen=True)
class _Place:
    path: str
    """Of its file; empty: a package without one."""
    folders: tuple[str, ...]
    """Where its modules are; empty: it is no package."""

    @property
    def is_package(self) -> bool:
        return bool(self.folders)


class _Places:
    """Finds the files of modules, for one look at a plugin; imports none."""

    def __init__(self) -> None:
        self._known: dict[str, _Place | None] = {}
        self._listed: dict[str, frozenset[str]] = {}
        self.stamps: dict[str, Stamp] = {}
        """Of folders that were listed and files that were read."""

    def find(self, name: str) -> _Place | None:
        """Return where a module is; None: nowhere, or in no file."""
        if name not in self._known:
            parent, _, leaf = name.rpartition(".")
            if not parent:
                self._known[name] = _outermost(name)
            else:
                above = self.find(parent)
                self._known[name] = self._within(above.folders, leaf) if above else None
        return self._known[name]

    def _within(self, folders: Iterable[str], leaf: str) -> _Place | None:
        bare = []
        for folder in folders:
            there = self._list(folder)
            package = os.path.join(folder, leaf)
            if leaf in there and "__init__.py" in self._list(package):
                return _Place(os.path.join(package, "__init__.py"), (package,))
            for suffix in SUFFIXES:
                if leaf + suffix in there:
                    return _Place(package + suffix, ())
            if leaf in there and os.path.isdir(package):
                bare.append(package)
        return _Place("", tuple(bare)) if bare else None

    def _list(self, folder: str) -> frozenset[str]:
        if folder not in self._listed:
            self.stamps[folder] = stamp_of(folder)
            try:
                self._listed[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._listed[folder] = frozenset()
        return self._listed[folder]


def _outermost(name: str) -> _Place | None:
    if name in sys.stdlib_module_names:
        return None
    for finder in sys.meta_path:
        # what a stranger's finder does is not our fault
        with suppress(Exception):
            if (spec := finder.find_spec(name, None)) is not None:
                path = spec.origin if spec.has_location and spec.origin else ""
                folders = spec.submodule_search_locations or ()
                real = tuple(os.path.realpath(folder) for folder in folders)
                return _Place(os.path.realpath(path) if path else "", real)
    return None
