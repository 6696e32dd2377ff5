"""The problems in a grid: what is learned is one, how it is learned is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bptt.comparison.axes import axes_of, label
from bptt.comparison.point import ComparedPoint

TASK = "task"


@dataclass(frozen=True)
class Facet:
    """The points of a grid that learn one problem; only these are ranked against each other."""

    task: str
    """Its name."""
    problem: str
    """The options of the task that set it apart, as `delay=30`; empty where there are none."""
    axes: tuple[str, ...]
    """Paths of the axes that are the same for all of its points, because they set it apart."""
    points: tuple[ComparedPoint, ...]

    @property
    def title(self) -> str:
        """The task and what sets it apart: `copy_memory delay=30`."""
        return f"{self.task} {self.problem}".strip()

    def names(self, by: Sequence[str] = (), *, whole: bool = False) -> list[str]:
        """Return the name of each point's configuration, without what sets the problem apart.

        Args:
            by: paths of the axes that distinguish configurations; none: all but the seed.
            whole: whether to name what all of its points have in common, too.
        """
        rest = [path for path in by or axes_of(self.points) if path not in self.axes]
        common = () if whole else self._common(by)
        # what distinguishes nothing else has no other name
        shown = [p for p in rest if p not in common] if rest and (self.axes or common) else by
        return [label(point, shown) for point in self.points]

    def common(self, by: Sequence[str] = ()) -> str:
        """Return what names leave out because all of its points have it: `layers=2`, or nothing.

        Other problems, other grids, or points that a filter leaves out differ in it.
        """
        paths = self._common(by)
        return label(self.points[0], paths) if paths else ""

    def _common(self, by: Sequence[str]) -> list[str]:
        rest = [path for path in by or axes_of(self.points) if path not in self.axes]
        first, *others = self.points
        common = [
            path
            for path in rest
            if path in first.values
            and all(one.values.get(path) == first.values[path] for one in others)
        ]
        # the only configuration is called by all that it is
        return common if len(common) < len(rest) else []


def facets_of(points: Sequence[ComparedPoint]) -> list[Facet]:
    """Return the problems of a grid in the order of its file.

    Every option of a task makes another problem, except for those that the task itself declares
    in `training_only`: they change how it is learned, not what is evaluated.

    Args:
        points: all of the grid's.
    """
    by_task: dict[str, list[ComparedPoint]] = {}
    for point in points:
        by_task.setdefault(point.task, []).append(point)
    several = len(by_task) > 1
    return [
        facet for task, held in by_task.items() for facet in _of_task(task, held, several=several)
    ]


def _of_task(task: str, points: Sequence[ComparedPoint], *, several: bool) -> list[Facet]:
    # a result that an earlier version wrote does not say which they are
    harmless = {name for point in points if point.result for name in point.training_only}
    seen: dict[str, set[str]] = {}
    for point in points:
        for path, value in point.values.items():
            section, _, option = path.partition(".")
            if section == TASK and option and option not in harmless:
                seen.setdefault(path, set()).add(repr(value))
    options = tuple(path for path, values in seen.items() if len(values) > 1)
    axes = ((TASK,) if several else ()) + options
    by_problem: dict[tuple[Any, ...], list[ComparedPoint]] = {}
    for point in points:
        key = tuple(repr(point.values.get(path)) for path in options)
        by_problem.setdefault(key, []).append(point)
    return [
        Facet(task, label(held[0], options) if options else "", axes, tuple(held))
        for held in by_problem.values()
    ]
