"""A grid before it is queued: its axes, packs and points, in the form an answer has."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bptt.api.answers import AxisValues, PackSize, Point, Preview

if TYPE_CHECKING:
    from bptt.grid_spec import Axis
    from bptt.run_file import GridOutline, GridRequest, RunRequest

FIRST, LAST = 5, 2
"""Points shown of a long grid."""


def preview(request: "GridRequest") -> Preview:
    """Describe the grid that somebody asks for, without an estimate of its time."""
    spec = request.spec
    sizes = Counter(request.pack_keys())
    example: dict[str, int] = {}
    for number, key in enumerate(request.pack_keys()):
        example.setdefault(key, number)
    numbers = range(len(request))
    first = numbers if len(request) <= FIRST + LAST + 1 else numbers[:FIRST]
    last = numbers[max(len(first), len(request) - LAST) :]
    return Preview(
        name=spec.name,
        project=spec.project,
        points=len(request),
        seeds=len({row[-1] for row in spec.points.rows}),
        axes=_axes(spec.axes),
        packs=[
            PackSize(key=key, points=count, such_as=_called(request[example[key]]))
            for key, count in sizes.items()
        ],
        updates=sum(_updates(request)),
        flops=sum(request.flops()),
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
        axes=_axes(outline.axes),
        packs=[],
        updates=outline.updates,
        flops=0.0,
        first=points[: len(first)],
        last=points[len(first) :],
        notes=list(outline.notes),
        unsent={named.name: named.size for named in outline.lacking},
    )


def _axes(axes: "Sequence[Axis]") -> list[AxisValues]:
    return [
        AxisValues(path=axis.path, values=list(axis.values), within=axis.within or None)
        for axis in axes
    ]


def _called(point: "RunRequest") -> str:
    return f"{point.config or point.name} seed={point.spec.seed}"


def _updates(request: "GridRequest") -> Sequence[int]:
    points = request.spec.points
    steps = [content.model_dump()["steps"] for content in points.sections["training"]]
    return [steps[number] for number in points.numbers("training")]


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
