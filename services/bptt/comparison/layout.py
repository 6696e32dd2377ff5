"""Which axes of a grid are lines of a picture, and which are panels: none is averaged away.

The axis with the most values, at most eight, are the lines; every combination of the others has a
panel. Where that makes more panels than fit, there are two pictures; where these are not enough,
the panels with the best configurations are drawn, and the picture says so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from bptt.comparison.axes import axes_of, label
from bptt.comparison.point import ComparedPoint

LINES = 8
"""How many lines can be told apart in a panel."""
PANELS = 12
"""The most panels of a picture."""
PICTURES = 2
"""The most pictures of one kind."""
COLUMNS = 4
Key = tuple[str, ...]
"""The value of each variable."""


@dataclass(frozen=True)
class Variable:
    """An axis of a grid, or a plugin with those of its options that are not crossed with it."""

    paths: tuple[str, ...]
    values: tuple[str, ...]
    """In the order of the grid's file."""

    @property
    def section(self) -> str:
        """The section of the grid's file."""
        return self.paths[0].partition(".")[0]

    @property
    def name(self) -> str:
        """Its last word."""
        return self.paths[0].rpartition(".")[2]

    def of(self, point: ComparedPoint) -> str:
        """Return a point's value."""
        return label(point, self.paths)

    def told(self, value: str) -> str:
        """Return a value with the name of what has it: `lr=0.1`, `clipper none`."""
        return value if "." in self.paths[0] else f"{self.name} {value}"

    def short(self, value: str) -> str:
        """Return a value without the name: `0.1`, `none`."""
        return value.partition("=")[2] if len(self.paths) == 1 and "=" in value else value


@dataclass(frozen=True)
class PanelPoints:
    """The points of one panel."""

    title: str
    """Empty: it is the only one."""
    lines: Mapping[str, Sequence[ComparedPoint]]
    """By their names; that of a panel's only line is empty."""


@dataclass(frozen=True)
class Sheet:
    """One picture."""

    part: str
    """Which of several; empty: it is the only one."""
    panels: Sequence[PanelPoints]
    columns: int
    lines: Variable | None
    """None: each panel is of one configuration."""
    over: Sequence[Variable]
    """What the panels are of."""
    left_out: int = 0
    """Panels, of all, that are on no picture."""


def variables_of(points: Sequence[ComparedPoint], by: Sequence[str] = ()) -> list[Variable]:
    """Return what varies between points, but for the seed, in the order of the grid's file.

    Args:
        points: of one problem.
        by: paths of the axes that distinguish configurations; none: all but the seed.
    """
    known = [path for path in axes_of(points) if not by or path in by]
    joined: list[tuple[str, ...]] = []
    for path in known:
        section = path.partition(".")[0]
        # the plugin itself, if it varies, comes before its options
        at = next((n for n, paths in enumerate(joined) if paths[0] == section), None)
        if at is not None and path != section and not _crossed(points, joined[at], path):
            joined[at] = (*joined[at], path)
        else:
            joined.append((path,))
    found = [Variable(paths, _values(points, paths)) for paths in joined]
    return [one for one in found if len(one.values) > 1]


def _crossed(points: Sequence[ComparedPoint], paths: tuple[str, ...], path: str) -> bool:
    pairs = {(label(point, paths), label(point, (path,))) for point in points}
    firsts, seconds = {first for first, _ in pairs}, {second for _, second in pairs}
    everywhere = all(path in point.values for point in points)
    return everywhere and len(pairs) == len(firsts) * len(seconds)


def _values(points: Iterable[ComparedPoint], paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label(point, paths) for point in points))


def longest(variables: Sequence[Variable], most: int | None = None) -> Variable | None:
    """Return the one with the most values, the first of several; of those with at most `most`."""
    fit = [one for one in variables if most is None or len(one.values) <= most]
    return max(fit, key=lambda one: len(one.values), default=None)


def arrange(
    points: Sequence[ComparedPoint],
    variables: Sequence[Variable],
    lines: Variable | None,
    position: Callable[[ComparedPoint], int],
) -> list[Sheet]:
    """Return the pictures of one kind.

    Args:
        points: of one problem.
        variables: what distinguishes them, but for what is along an axis of the picture.
        lines: one of them; None: every configuration has a panel.
        position: of a point's configuration, the best first; asked if there is not room for all.
    """
    over = _with_columns_last([one for one in variables if one != lines])
    held: dict[Key, dict[str, list[ComparedPoint]]] = {}
    for point in points:
        place = tuple(one.of(point) for one in over)
        name = lines.of(point) if lines else ""
        held.setdefault(place, {}).setdefault(name, []).append(point)
    order = [key for key in product(*(one.values for one in over)) if key in held]
    columns = _columns(over, len(order))
    panels = {key: _panel(key, over, held[key], lines) for key in order}
    parts, left_out = _parts(order, over, columns, lambda key: _best(held[key], position))
    return [
        Sheet(part, [panels[key] for key in keys], columns, lines, over, left_out)
        for part, keys in parts.items()
    ]


def _panel(
    key: Sequence[str],
    over: Sequence[Variable],
    held: Mapping[str, list[ComparedPoint]],
    lines: Variable | None,
) -> PanelPoints:
    title = ", ".join(one.told(value) for one, value in zip(over, key, strict=True))
    names = lines.values if lines else ("",)
    return PanelPoints(title, {name: held[name] for name in names if name in held})


def _with_columns_last(over: Sequence[Variable]) -> list[Variable]:
    """Return them with the one that makes whole rows of panels at the end."""
    last = longest(over, COLUMNS)
    return [*(one for one in over if one != last), *([last] if last else [])]


def _columns(over: Sequence[Variable], panels: int) -> int:
    if len(over) > 1 and len(over[-1].values) <= COLUMNS:
        columns = len(over[-1].values)
        # two columns of many rows are a ribbon
        return columns * 2 if columns == 2 and panels > 2 * columns else columns
    rows = -(-panels // COLUMNS)
    return max(-(-panels // rows), 1) if rows else 1


def _best(
    lines: Mapping[str, Sequence[ComparedPoint]], position: Callable[[ComparedPoint], int]
) -> int:
    return min(position(point) for held in lines.values() for point in held)


def _parts(
    order: Sequence[Key], over: Sequence[Variable], columns: int, rank: Callable[[Key], int]
) -> tuple[dict[str, list[Key]], int]:
    """Return the panels of each picture by its name, and how many are on none."""
    if len(order) <= PANELS:
        return {"": list(order)}, 0
    for place, one in enumerate(over):
        held = {v: [key for key in order if key[place] == v] for v in one.values}
        if len(held) <= PICTURES and all(len(keys) <= PANELS for keys in held.values()):
            return {one.told(value): keys for value, keys in held.items()}, 0
    each = PANELS // columns * columns
    if len(order) <= PICTURES * each:
        starts = range(0, len(order), each)
        parts = {f"{n + 1} of {len(starts)}": order[at : at + each] for n, at in enumerate(starts)}
        return {name: list(keys) for name, keys in parts.items()}, 0
    best = set(sorted(order, key=rank)[:PANELS])
    return {"": [key for key in order if key in best]}, len(order) - len(best)
