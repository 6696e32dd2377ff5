"""What a module remembers between two calls."""

from typing import Any

from torch import Tensor, nn

from bptt.conformance.requirement import same

INTERNAL = frozenset(vars(nn.Module())) - {"training"}
"""Attributes of every module that hold no numbers, or its parameters and buffers."""


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and buffers of a module and of those in it, by name."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def attributes_of(module: nn.Module) -> dict[str, Any]:
    """Return a copy of every other attribute of a module and of those in it, by name."""
    return {
        f"{inside}.{name}" if inside else name: _copied(value)
        for inside, part in module.named_modules()
        for name, value in vars(part).items()
        if name not in INTERNAL
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the names whose values differ, or that only one of the two has."""
    names = sorted(before.keys() | after.keys())
    return [
        n for n in names if n not in before or n not in after or not _agree(before[n], after[n])
    ]


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, list | tuple):
        return [_copied(item) for item in value]
    if isinstance(value, dict):
        return {repr(key): _copied(item) for key, item in value.items()}
    return repr(value)


def _agree(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return same([first], [second])
    if type(first) is not type(second):
        return False
    if isinstance(first, list):
        return len(first) == len(second) and all(map(_agree, first, second))
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_agree(first[k], second[k]) for k in first)
    return bool(first == second)
