"""What the framework relies on in every plugin, as rules that raise `ContractViolation`.

Used by tests of plugins, ours and everybody else's, and by `bptt plugins check`.
"""

from collections.abc import Mapping
from typing import Any

from bptt.conformance.cell import check_cell
from bptt.conformance.clipper import check_clipper
from bptt.conformance.task import check_task
from bptt.errors import ContractViolation
from bptt.registry import Plugin, load_plugin

__all__ = ["check", "check_cell", "check_clipper", "check_task"]


def check(plugin: Plugin, options: Mapping[str, Any] | None = None) -> None:
    """Load an installed plugin and check it; a claim only has to load.

    Raises:
        PluginError: it is broken or breaks a rule; the line begins with its distribution.
        InvalidSpec: a given option does not fit, or a required one is missing.
    """
    plugin_class = load_plugin(plugin)
    try:
        match plugin.kind:
            case "cell":
                check_cell(plugin_class, options)
            case "clipper":
                check_clipper(plugin_class, options)
            case "task":
                check_task(plugin_class, options)
    except ContractViolation as violation:
        raise ContractViolation(f"{plugin.label}: {violation}") from violation
