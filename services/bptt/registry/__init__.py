"""Plugins by name: discovered from metadata alone, loaded one at a time, built from options.

Importing this package imports neither torch nor pydantic, because the command line starts with it.
"""

from bptt.registry.changes import changes, told_change
from bptt.registry.construction import construct, construct_cell, construct_class
from bptt.registry.discovery import KINDS, Kind, Plugin, discover, find, load, load_plugin
from bptt.registry.docstring import description, summary
from bptt.registry.files import files_at
from bptt.registry.imported_plugins import forget_edited, import_built_in
from bptt.registry.module_code import keep_imported
from bptt.registry.option import Option, options
from bptt.registry.plugin_code import PluginCode, code_of, program_of, released

__all__ = [
    "KINDS",
    "Kind",
    "Option",
    "Plugin",
    "PluginCode",
    "changes",
    "code_of",
    "construct",
    "construct_cell",
    "construct_class",
    "description",
    "discover",
    "files_at",
    "find",
    "forget_edited",
    "import_built_in",
    "keep_imported",
    "load",
    "load_plugin",
    "options",
    "program_of",
    "released",
    "summary",
    "told_change",
]
