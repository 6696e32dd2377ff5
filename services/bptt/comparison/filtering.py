"""Only some points of a grid: those with given values on its axes."""

from collections.abc import Sequence

from bptt.comparison.axes import SEED, find_axes
from bptt.comparison.point import ComparedPoint
from bptt.errors import InvalidSpec
from bptt.registry import wording

NAMED = 8
"""How many values of an axis are listed when another one is asked for."""


def only(points: Sequence[ComparedPoint], conditions: Sequence[str]) -> list[ComparedPoint]:
    """Return the points that meet every condition.

    Args:
        points: all of a grid's.
        conditions: `axis=value`, the axis in full or by its last word; several of one axis are
            alternatives.

    Raises:
        InvalidSpec: a condition that is none, an axis that this grid does not have, or a value
            that no point has on it.
    """
    wanted: dict[str, list[str]] = {}
    for condition in conditions:
        axis, sign, value = condition.partition("=")
        if not (axis and sign and value):
            raise InvalidSpec(
                [f"--filter {condition!r} is no condition: give AXIS=VALUE, such as cell=lstm."]
            )
        (path,) = (axis,) if axis == SEED else find_axes([axis], points, "--filter")
        wanted.setdefault(path, []).append(value)
    for path, values in wanted.items():
        known = list(dict.fromkeys(text for p in points if (text := _text(p, path)) is not None))
        for value in values:
            if not any(_equals(text, value) for text in known):
                more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
                raise InvalidSpec(
                    [
                        f"--filter {path}={value}: no point has this value; there are: "
                        f"{', '.join(known[:NAMED])}{more}."
                    ]
                )
    return [
        point
        for point in points
        if all(
            (text := _text(point, path)) is not None
            and any(_equals(text, value) for value in values)
            for path, values in wanted.items()
        )
    ]


def in_words(conditions: Sequence[str]) -> str:
    """Return `cell=gru or rnn, and lr=0.1`."""
    by_axis: dict[str, list[str]] = {}
    for condition in conditions:
        axis, _, value = condition.partition("=")
        by_axis.setdefault(axis, []).append(value)
    return ", and ".join(f"{axis}={' or '.join(values)}" for axis, values in by_axis.items())


def _text(point: ComparedPoint, path: str) -> str | None:
    if path == SEED:
        return str(point.seed)
    if path not in point.values:
        return None
    value = point.values[path]
    return value if isinstance(value, str) else wording.show(value)


def _equals(text: str, asked: str) -> bool:
    """Say whether two texts are the same value: 1e-3 is 0.001."""
    if text == asked:
        return True
    try:
        return float(text) == float(asked)
    except ValueError:
        return False
