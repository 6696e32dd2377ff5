"""Runs that differ in what is only measured: executions of one training, which counts once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bptt.comparison.axes import axes_of, label
from bptt.comparison.differing import MEASURED
from bptt.comparison.point import ComparedPoint
from bptt.errors import InvalidSpec
from bptt.registry.wording import show

Told = tuple[tuple[str, str], ...]
"""Values in words, each with the grid that has it."""


def once(points: Sequence[ComparedPoint]) -> list[ComparedPoint]:
    """Return the points of a grid with each training once, however often it was measured.

    Args:
        points: of a grid, or of several.
    """
    paths = _only_measured(points)
    if not paths:
        return list(points)
    axes = [path for path in axes_of(points) if path not in paths]
    held: dict[tuple[str, str, int], ComparedPoint] = {}
    for point in points:
        values = {path: v for path, v in point.values.items() if path not in paths}
        said = {path: told(point.values.get(path), point) for path in paths}
        one = replace(point, values=values, measured={**point.measured, **said})
        # a grid that varies nothing else has one configuration for each task
        named = replace(one, config=label(one, axes) if axes else one.task)
        key = named.task, repr(sorted(values.items())), named.seed
        held[key] = one_of(held[key], named) if key in held else named
    return list(held.values())


def refuse_measured(
    asked: Sequence[str], points: Iterable[ComparedPoint], option: str = "--by"
) -> None:
    """Refuse axes that only say what is measured.

    Args:
        asked: axes, in full or by their last word.
        points: of grids, as they are listed.
        option: that the axes were given to.

    Raises:
        InvalidSpec: names the first.
    """
    for path in _only_measured(points):
        if path in asked or path.rpartition(".")[2] in asked:
            raise InvalidSpec(
                [
                    f"{option} {path!r} says what is measured and not what is trained, so it sets "
                    "nothing apart: runs that differ in it alone are one training."
                ]
            )


def _only_measured(points: Iterable[ComparedPoint]) -> list[str]:
    return [path for path in axes_of(points) if path.partition(".")[0] in MEASURED]


def told(value: Any, point: ComparedPoint) -> Told:
    """Return what a point measured, and in which grid."""
    words = "not given" if value is None else show(value)
    return tuple((words, grid) for grid in point.grids[:1] or ("",))


def one_of(one: ComparedPoint, other: ComparedPoint) -> ComparedPoint:
    """Return the same point of two grids, or two executions of one training.

    That with a result counts, the first one's if both have one; figures that only the other has
    count, too.
    """
    first, second = (_worth(point) for point in (one, other))
    taken, left = (other, one) if second > first else (one, other)
    paths = dict.fromkeys((*one.measured, *other.measured))
    return replace(
        taken,
        result=_with_figures(taken.result, left.result),
        result_at_end=_with_figures(taken.result_at_end, left.result_at_end),
        grids=tuple(dict.fromkeys((*one.grids, *other.grids))),
        choices=tuple(dict.fromkeys((*one.choices, *other.choices))),
        measured={
            path: tuple(dict.fromkeys((*one.measured.get(path, ()), *other.measured.get(path, ()))))
            for path in paths
        },
        tested={**left.tested, **taken.tested},
    )


def _with_figures(
    result: Mapping[str, Any] | None, other: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """Return a result, with the figures that only another execution of the same run measured."""
    ends = ("outcome", "step")
    if not result or not other or any(result.get(end) != other.get(end) for end in ends):
        return result
    return {**result, "metrics": {**other["metrics"], **result["metrics"]}}


def _worth(point: ComparedPoint) -> int:
    """Return which of two executions counts: the one with a result, or that may yet have one."""
    if point.result:
        return 3
    return 2 if point.is_live else int(bool(point.failure))
