"""Built-in plugins imported before a fork, for as long as they are what is on the disk.

A process forked from one that has imported them need not, unless somebody has edited one since:
then it forgets all of them and imports what is there now. Other distributions' plugins are not
imported here: what an import of theirs does to its process concerns the runs that use them alone.
"""

import sys
from contextlib import suppress

from bptt.errors import PluginError
from bptt.registry.discovery import KINDS, Plugin, discover, load_plugin
from bptt.registry.module_code import Stamp, stamp_of
from bptt.registry.option import options

OWN = "bptt"
"""The distribution whose plugins these are."""

_modules: dict[str, tuple[str, Stamp]] = {}
"""Path and stamp of the file of each module that was imported with them, by its name."""


def import_built_in() -> None:
    """Import every built-in plugin and read its options; one that cannot be is left for its run."""
    before = set(sys.modules)
    for plugin in _built_in():
        with suppress(PluginError):
            options(load_plugin(plugin))
    for name in set(sys.modules) - before:
        path = getattr(sys.modules[name], "__file__", None)
        if path and name.partition(".")[0] in _packages():
            _modules[name] = path, stamp_of(path)


def forget_edited() -> None:
    """Forget all of these modules if one of their files is no longer what was imported."""
    if all(stamp_of(path) == stamp for path, stamp in _modules.values()):
        return
    for name in _modules:
        sys.modules.pop(name, None)
    _modules.clear()


def _packages() -> set[str]:
    return {plugin.value.partition(".")[0].partition(":")[0] for plugin in _built_in()}


def _built_in() -> list[Plugin]:
    every = (one for kind in KINDS for same in discover(kind).values() for one in same)
    # one that needs an extra would import what that installs
    return [one for one in every if one.distribution == OWN and "[" not in one.value]
