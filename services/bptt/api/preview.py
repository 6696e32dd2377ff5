"""A grid before it is queued: its axes and points, in the form of an answer.

Whatever the size of the grid, the answer is small: long axes are cut and their lengths given.
"""

from typing import TYPE_CHECKING

from bptt.api.answers import AxisValues, Point, Preview

if TYPE_CHECKING:
    from bptt.grid_spec import Axis
    from bptt.run_file import GridOutline, GridRequest, RunRequest

FIRST, LAST = 5, 2
"""Points shown of a long grid."""
MOST_VALUES = 1000
"""Values of an axis that are listed."""


def preview(request: "GridRequest") -> Preview:
    """Describe the grid that somebody asks for, without an estimate of its time."""
    spec = request.spec
    numbers = range(len(request))
    first = numbers if len(request) <= FIRST + LAST + 1 else numbers[:FIRST]
    last = numbers[max(len(first), len(request) - LAST) :]
    return Preview(
        name=spec.name,
        project=spec.project,
        points=len(request),
        seeds=len({row[-1] for row in spec.points.rows}),
        axes=[cut(axis) for axis in spec.axes],
        updates=sum(request.steps_of(number) * points for number, points in request.groups()),
        flops=sum(request.flops_of(number) * points for number, points in request.groups()),
        first=[_point(request, number) for number in first],
        last=[_point(request, number) for number in last],
        notes=list(request.notes),
    )


def outlined(outline: "GridOutline") -> Preview:
    """Describe a grid some of whose files have not been sent, as far as possible."""
    first = outline.ends if outline.points <= FIRST + LAST + 1 else outline.ends[:FIRST]
    points = [
        Point(
            number=point.number,
            name="",
            label=point.label,
            values=dict(point.values),
            identity="",
        )
        for point in outline.ends
    ]
    return Preview(
        name=outline.name,
        project=outline.project,
        points=outline.points,
        seeds=outline.seeds,
        axes=[cut(axis) for axis in outline.axes],
        updates=outline.updates,
        flops=0.0,
        first=points[: len(first)],
        last=points[len(first) :],
        notes=list(outline.notes),
        unsent={named.name: named.size for named in outline.lacking},
    )


def cut(axis: "Axis") -> AxisValues:
    """Return an axis; of a long one the first values, and the last."""
    values = axis.values
    shown = [*values[: MOST_VALUES - 1], values[-1]] if len(values) > MOST_VALUES else list(values)
    within = axis.within or None
    return AxisValues(path=axis.path, values=shown, within=within, count=len(values))


def _called(point: "RunRequest") -> str:
    return f"{point.config or point.name} seed={point.spec.seed}"


def _point(request: "GridRequest", number: int) -> Point:
    point = request[number]
    return Point(
        number=number,
        name=point.name,
        label=_called(point),
        values=dict(point.values),
        identity=point.identity,
    )
