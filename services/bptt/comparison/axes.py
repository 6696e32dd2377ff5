"""Which axes distinguish the configurations of a comparison, and how these are named."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from bptt.comparison.point import ComparedPoint, has_told, whose
from bptt.errors import InvalidSpec
from bptt.registry import wording

SEED = "seed"


def axes_of(points: Iterable[ComparedPoint]) -> list[str]:
    """Return the paths of all axes except the seed, in the order of the grid's file."""
    paths = dict.fromkeys(path for point in points for path in point.values)
    return [path for path in paths if path != SEED]


def find_axes(
    asked: Sequence[str], points: Sequence[ComparedPoint], option: str = "--by"
) -> tuple[str, ...]:
    """Return the requested paths of axes, given in full or by their last word.

    Args:
        asked: words.
        points: that the axes distinguish.
        option: that the words were given to.

    Raises:
        InvalidSpec: one is no axis of them, or fits several.
    """
    axes, faults = axes_of(points), []
    found: dict[str, None] = {}
    for text in asked:
        fits = [path for path in axes if path == text] or [
            path for path in axes if path.rpartition(".")[2] == text
        ]
        if len(fits) == 1:
            found[fits[0]] = None
            continue
        why = f"may be {' or '.join(fits)}" if fits else _unknown(text, points)
        faults.append(f"{option} {text!r} {why}.")
    if faults:
        raise InvalidSpec(faults)
    return tuple(found)


def _unknown(text: str, points: Sequence[ComparedPoint]) -> str:
    axes, has = axes_of(points), has_told(points)
    if text == SEED:
        there = ", ".join(axes) or "none"
        return f"is what means are taken over, so it sets nothing apart; other axes: {there}"
    below = [path for path in axes if path.startswith(f"{text}.")]
    close = below or get_close_matches(text, axes, cutoff=0.7)
    meant = f"; did you mean {' or '.join(close)}? {has.capitalize()}" if close else f"; {has}"
    return f"is no axis of {whose(points)}{meant}: {', '.join(axes) or 'none but the seed'}"


def values_of(points: Sequence[ComparedPoint]) -> dict[str, Any]:
    """Return the values that all points have on an axis, without the seed, by its path."""
    first, *others = points
    return {
        path: value
        for path, value in first.values.items()
        if path != SEED and all(one.values.get(path) == value for one in others)
    }


def label(point: ComparedPoint, by: Sequence[str]) -> str:
    """Return the name of a configuration; without `by`, from all axes except the seed."""
    if not by:
        return point.config
    endings = [path.rpartition(".")[2] for path in by]
    words = []
    for path, ending in zip(by, endings, strict=True):
        if path not in point.values:
            continue
        value: Any = point.values[path]
        text = value if isinstance(value, str) else wording.show(value).removesuffix(".0")
        name = ending if endings.count(ending) == 1 else path
        words.append(f"{name}={text}" if "." in path else text)
    return " ".join(words) or f"without {', '.join(endings)}"


def without_seed(point: ComparedPoint) -> tuple[tuple[str, str], ...]:
    """Return the values of a point on all axes but the seed, in an order of their own."""
    values = sorted(point.values.items())
    return tuple((path, repr(value)) for path, value in values if path != SEED)


def partner(point: ComparedPoint, by: Sequence[str]) -> tuple[int, tuple[Any, ...]]:
    """Return what two points must agree in to be compared: the seed, and everything not in `by`.

    Options of a section that is compared are left out: they have no counterpart in a plugin
    that does not have them.
    """
    sections = {path.partition(".")[0] for path in by} if by else None
    rest: Mapping[str, Any] = {
        path: value
        for path, value in point.values.items()
        if sections is not None and path != SEED and path.partition(".")[0] not in sections
    }
    return point.seed, tuple((path, repr(value)) for path, value in sorted(rest.items()))
