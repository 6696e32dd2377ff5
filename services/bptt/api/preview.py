"""A grid before it is queued: its axes, packs and points, in the form an answer has.

Whatever the size of the grid, the answer is small: long axes and many packs are cut, and their
numbers told.
"""

from typing import TYPE_CHECKING

from bptt.api.answers import AxisValues, PackSize, Point, Preview

if TYPE_CHECKING:
    from bptt.grid_spec import Axis
    from bptt.run_file import GridOutline, GridRequest, RunRequest

FIRST, LAST = 5, 2
"""Points shown of a long grid."""
MOST_VALUES, MOST_PACKS = 1000, 1000
"""Values of an axis, and packs, that are told."""


def preview(request: "GridRequest") -> Preview:
    """Describe the grid that somebody asks for, without an estimate of its time."""
    spec = request.spec
    sizes: dict[str, int] = {}
    example: dict[str, int] = {}
    for number, points in request.groups():
        key = request.pack_key_of(number)
        sizes[key] = sizes.get(key, 0) + points
        example.setdefault(key, number)
    numbers = range(len(request))
    first = numbers if len(request) <= FIRST + LAST + 1 else numbers[:FIRST]
    last = numbers[max(len(first), len(request) - LAST) :]
    return Preview(
        name=spec.name,
        project=spec.project,
        points=len(request),
        seeds=len({row[-1] for row in spec.points.rows}),
        axes=[cut(axis) for axis in spec.axes],
        packs=[
            PackSize(key=key, points=count, such_as=_called(request[example[key]]))
            for key, count in list(sizes.items())[:MOST_PACKS]
        ],
        packs_count=len(sizes),
        updates=sum(request.steps_of(number) * points for number, points in request.groups()),
        flops=sum(request.flops_of(number) * points for number, points in request.groups()),
        first=[_point(request, number) for number in first],
        last=[_point(request, number) for number in last],
        notes=list(request.notes),
    )


def outlined(outline: "GridOutline") -> Preview:
    """Describe a grid of which files have not been sent, as far as that goes."""
    first = outline.ends if outline.points <= FIRST + LAST + 1 else outline.ends[:FIRST]
    points = [
        Point(
            number=point.number,
            name="",
            label=point.label,
            values=dict(point.values),
            identity="",
            pack_key="",
        )
        for point in outline.ends
    ]
    return Preview(
        name=outline.name,
        project=outline.project,
        points=outline.points,
        seeds=outline.seeds,
        axes=[cut(axis) for axis in outline.axes],
        packs=[],
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
    told = [*values[: MOST_VALUES - 1], values[-1]] if len(values) > MOST_VALUES else list(values)
    within = axis.within or None
    return AxisValues(path=axis.path, values=told, within=within, count=len(values))


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
        pack_key=point.pack_key,
    )
