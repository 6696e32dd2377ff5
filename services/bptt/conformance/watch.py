"""What code does with tensors besides computing its result, seen below autograd."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bptt.registry.author import place_before


class Watch(TorchDispatchMode):
    """Records random draws, writes into given tensors, and values that Python reads.

    Args:
        arguments: tensors by name; reads of their values, and of what follows, are recorded.
        owned: further tensors by name, which may be written to.
        instead: the place at which a value other than the true one is read, the first time.
    """

    def __init__(
        self,
        arguments: Mapping[str, Tensor],
        owned: Mapping[str, Tensor] | None = None,
        instead: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.drawn: str | None = None
        """Where the first random number is drawn; None: nowhere."""
        self.written: dict[str, str] = {}
        """Where each given tensor is first written into, by its name."""
        self.read: list[str] = []
        """Where values that depend on the arguments are read."""
        self._instead = instead
        given = [*arguments.items(), *(owned or {}).items()]
        self._names: dict[int, list[str]] = {}
        for name, tensor in given:
            self._names.setdefault(_memory(tensor), []).append(name)
        # kept, so that no other tensor takes their memory
        self._kept = [tensor for _, tensor in given]
        self._hanging = {_memory(tensor) for tensor in arguments.values()} - {0}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        keywords = dict(kwargs or {})
        place = place_before(sys._getframe())
        given = tree_leaves((args, keywords))
        if torch.Tag.nondeterministic_seeded in func.tags:
            own = [value for value in given if isinstance(value, Generator)]
            generators = own or [torch.default_generator]
            before = [generator.get_state() for generator in generators]
            result = func(*args, **keywords)
            # a layer that could draw, such as attention without dropout, need not
            after = [generator.get_state() for generator in generators]
            if self.drawn is None and not all(map(torch.equal, before, after)):
                self.drawn = place
        else:
            result = func(*args, **keywords)
        for tensor in _written(func, args, keywords):
            for name in self._names.get(_memory(tensor), []):
                self.written.setdefault(name, place)
        if any(isinstance(v, Tensor) and _memory(v) in self._hanging for v in given):
            if isinstance(result, bool | int | float):
                return self._read(result, place)
            for value in tree_leaves(result):
                if isinstance(value, Tensor):
                    self._kept.append(value)
                    self._hanging |= {_memory(value)} - {0}
        return result

    def _read(self, value: bool | int | float, place: str) -> bool | int | float:
        self.read.append(place)
        if place != self._instead or self.read.count(place) > 1:
            return value
        return not value if isinstance(value, bool) else 2 * value + 1


def _written(func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Iterator[Tensor]:
    for number, argument in enumerate(func._schema.arguments):
        if argument.alias_info is None or not argument.alias_info.is_write:
            continue
        value = args[number] if number < len(args) else keywords.get(argument.name)
        yield from (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def _memory(tensor: Tensor) -> int:
    """Return what tensors that are views of each other share; 0 if there is none."""
    try:
        return tensor.untyped_storage().data_ptr()
    # sparse tensors and wrappers have no storage
    except (NotImplementedError, RuntimeError):
        return 0
