"""Sorts what went wrong in a run's process into causes that people can act on."""

import traceback
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from bptt import registry
from bptt.durable import is_full
from bptt.errors import (
    BpttError,
    BrokenPlugin,
    ContractViolation,
    DataChanged,
    DuplicatePlugin,
    InvalidSetting,
    OutOfMemory,
    PluginChanged,
    PluginError,
    UnknownPlugin,
    UserError,
)
from bptt.lifecycle import FailureCause
from bptt.memory_limit import is_memory
from bptt.records.documents import FailureDocument
from bptt.registry.discovery import KINDS, one_line

OURS = {"bptt", "torch", "builtins", "abc", "typing"}
"""Packages whose base classes are not plugins'."""


def describe(error: BaseException, spec: Mapping[str, Any]) -> FailureDocument:
    """Return what `failure.json` holds: cause, message and traceback.

    Args:
        error: what ended the run.
        spec: of the run, for its plugins.
    """
    is_ours = isinstance(error, BpttError)
    return FailureDocument(
        cause=cause_of(error, spec),
        message=" ".join(str(error).split()) if is_ours else one_line(error) + ".",
        traceback="".join(traceback.format_exception(error)),
    )


def cause_of(error: BaseException, spec: Mapping[str, Any]) -> FailureCause:
    """Return the cause of a failure."""
    if is_memory(error):
        return "out_of_memory"
    match error:
        case OutOfMemory():
            return "out_of_memory"
        case UnknownPlugin():
            return "plugin_missing"
        case PluginChanged():
            return "plugin_changed"
        case DataChanged():
            return "data_changed"
        case OSError() if is_full(error):
            return "disk_full"
        case BrokenPlugin() | ContractViolation() | DuplicatePlugin():
            return "plugin_error"
        case InvalidSetting():
            return "invalid_setting"
        # an option that the plugin's constructor rejects, though it accepted it at submission
        case UserError():
            return "plugin_error"
    return "plugin_error" if _was_in_plugin(error, spec) else "internal_error"


def _was_in_plugin(error: BaseException, spec: Mapping[str, Any]) -> bool:
    """Say whether a plugin's code was running when it happened."""
    packages = set()
    for kind in KINDS:
        # an uninstalled one did not raise anything
        with suppress(PluginError, KeyError):
            plugin = registry.find(kind, spec[kind]["name"])
            packages.add(plugin.value.partition(":")[0].partition(".")[0])
            # what it inherits may come from another distribution
            bases = registry.load(kind, spec[kind]["name"]).__mro__
            packages |= {base.__module__.partition(".")[0] for base in bases} - OURS
    entry: TracebackType | None = error.__traceback__
    while entry is not None:
        module = str(entry.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in packages:
            return True
        entry = entry.tb_next
    return False
