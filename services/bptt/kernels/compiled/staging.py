"""Where a step is cut: at every product, mean and sum, because they need all units.

The level of a value is how many of these lie between it and the arguments. What has one level is
computed in one stage, unit by unit; products and means of its results follow, then the next stage.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bptt.kernels.step.operations import COSTLY
from bptt.kernels.step.recorder import Argument, Operation, TracedValue

CHEAP = 3
"""Operations that are rather done again in a later stage than their result kept for it."""

Levels = Mapping[TracedValue, int]


@dataclass(frozen=True)
class Stage:
    """What is computed between what mixes units."""

    operations: tuple[Operation, ...]
    read: frozenset[TracedValue]
    """What they take from memory."""


def levels(operations: Iterable[Operation]) -> dict[TracedValue, int]:
    """Return the level of every result; that of anything else is 0."""
    found: dict[TracedValue, int] = {}
    for operation in operations:
        of = (found.get(a, 0) for a in operation.arguments if isinstance(a, TracedValue))
        found[operation.result] = max(of, default=0) + operation.mixes
    return found


def level_of(argument: Argument, found: Levels) -> int:
    """Return the level of an argument, which may be a number."""
    return found.get(argument, 0) if isinstance(argument, TracedValue) else 0


def divide(
    operations: Sequence[Operation],
    written: Sequence[Iterable[Argument]],
    in_memory: set[TracedValue],
    of_rows: set[TracedValue],
) -> tuple[list[Stage], tuple[TracedValue, ...]]:
    """Cut a pass into stages.

    Args:
        operations: all of the pass, in order.
        written: what each stage writes.
        in_memory: results that are written anyway, so that later stages can read them.
        of_rows: results that are one number a sequence, which no stage computes.

    Returns:
        The stages, and the values that must be written, too, because a later stage reads them.
    """
    found = levels(operations)
    by_result = {operation.result: operation for operation in operations}
    costs = _costs(operations, in_memory | of_rows)
    crossing: set[TracedValue] = set()
    stages: list[Stage] = []
    for number in reversed(range(len(written))):
        here: set[TracedValue] = set()
        read: set[TracedValue] = set()
        own = [value for value in crossing if found[value] == number]
        waiting = [a for a in (*written[number], *own) if isinstance(a, TracedValue)]
        while waiting:
            value = waiting.pop()
            operation = by_result.get(value)
            if operation is None or operation.mixes or value in of_rows:
                read.add(value)
            elif found[value] == number or (value not in in_memory and costs[value] <= CHEAP):
                if value not in here:
                    here.add(value)
                    waiting += [a for a in operation.arguments if isinstance(a, TracedValue)]
            else:
                read.add(value)
                crossing |= {value} - in_memory
        mine = tuple(operation for operation in operations if operation.result in here)
        stages.insert(0, Stage(mine, frozenset(read)))
    return stages, tuple(sorted(crossing, key=lambda value: value.number))


def _costs(operations: Iterable[Operation], in_memory: set[TracedValue]) -> dict[TracedValue, int]:
    """Return how many operations it takes to make each result from what is in memory."""
    found: dict[TracedValue, int] = {}
    for operation in operations:
        of = [a for a in operation.arguments if isinstance(a, TracedValue)]
        cost = 1 + CHEAP * (operation.name in COSTLY)
        cost += sum(found.get(value, 0) for value in of)
        known = operation.mixes or operation.result in in_memory
        found[operation.result] = 0 if known else cost
    return found
