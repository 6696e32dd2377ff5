"""Options of plugins as a run's spec holds them, for specs that no file is read for."""

from collections.abc import Mapping
from typing import Any

from bptt import registry
from bptt.registry import Kind


def complete_options(kind: Kind, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every option of a plugin with its value or default, in the form JSON holds."""
    known = registry.options(registry.load(kind, name))
    if unknown := given.keys() - known.keys():
        raise ValueError(f"{kind} {name!r} has no {unknown}")
    return {
        option: each.write(each.read(given.get(option, each.default)))
        for option, each in known.items()
    }
