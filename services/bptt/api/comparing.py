"""Routes of the answer of a grid, or several: the comparison, pictures and the report.

The code that compares and draws is imported only when somebody asks for it.
"""

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Depends

from bptt import store
from bptt.api.asking import Person, Reader, ReadingPerson
from bptt.api.comparison_answers import Picture, Report
from bptt.api.parameters import Names, Seeds
from bptt.api.reading import NamedGrid, NamedGrids
from bptt.api.routing import new_router
from bptt.api.service import Service, Shared
from bptt.records.comparison import Comparison, GridCompared

if TYPE_CHECKING:
    from bptt.comparison import ComparedPoint
    from bptt.comparison.pictures import DrawnPicture

router = new_router("comparison")
Kind = Literal["png", "svg"]


@dataclass(frozen=True)
class ComparisonQuery:
    """What a comparison is asked for, as in its query."""

    by: list[str]
    metrics: list[str]
    at: Literal["init", "best", "end"]
    tune: list[str]
    tune_seeds: list[int]
    conditions: list[str]


def _query(
    by: Names = None,
    metric: Names = None,
    at: Literal["init", "best", "end"] = "end",
    tune: Names = None,
    tune_seed: Seeds = None,
    condition: Names = None,
) -> ComparisonQuery:
    """Return what the query of a comparison asks for; empty lists where it does not say."""
    return ComparisonQuery(by or [], metric or [], at, tune or [], tune_seed or [], condition or [])


Asked = Annotated[ComparisonQuery, Depends(_query)]


@router.get("/grids/{grid}/comparison")
def compare(
    grid_id: NamedGrid, service: Shared, person: ReadingPerson, asked: Asked
) -> list[Comparison]:
    """Compare the configurations of a grid, for each of its problems: a task with its options.

    `by` names the axes that distinguish configurations, `metric` what is compared, `at` at which
    moment of a run: before the first update, at its best evaluation, or at its end. `tune` names
    axes whose best value each configuration takes, by the seeds `tune_seed`, to be judged on
    the others. `condition` is `axis=value`; points that do not meet it are left out.
    """
    return _answer(service, [grid_id], person, asked)[0]


@router.get("/comparison")
def compare_several(
    grid_ids: NamedGrids, service: Shared, person: ReadingPerson, asked: Asked
) -> list[Comparison]:
    """Compare the configurations of several grids, as if they were of one.

    `grid` names each of them. Configurations are the same if all is that determines a result, apart
    from the seed; then their runs are pooled, and a run that serves several grids counts once.
    """
    return _answer(service, grid_ids, person, asked)[0]


@router.get("/grids/{grid}/pictures")
def pictures(
    grid_id: NamedGrid,
    service: Shared,
    reader: Reader,
    asked: Asked,
    kind: Kind = "png",
) -> list[Picture]:
    """Draw what the runs of a grid measured, those whose folders the server can read.

    The query is that of a comparison; drawn is what it judges, from the beginning to the end of
    each run.
    """
    return _pictures(service, [grid_id], reader, asked, kind)


@router.get("/pictures")
def pictures_of_several(
    grid_ids: NamedGrids,
    service: Shared,
    reader: Reader,
    asked: Asked,
    kind: Kind = "png",
) -> list[Picture]:
    """Draw what the runs of several grids measured, those whose folders the server can read."""
    return _pictures(service, grid_ids, reader, asked, kind)


@router.get("/grids/{grid}/report")
def report(grid_id: NamedGrid, service: Shared, person: ReadingPerson, asked: Asked) -> Report:
    """The comparison and the pictures as one self-contained page of HTML."""
    return _report(service, [grid_id], person, asked)


@router.get("/report")
def report_of_several(
    grid_ids: NamedGrids, service: Shared, person: ReadingPerson, asked: Asked
) -> Report:
    """The comparison of several grids and their pictures as one self-contained page of HTML."""
    return _report(service, grid_ids, person, asked)


def _answer(
    service: Service, grid_ids: Sequence[str], person: Person | None, asked: ComparisonQuery
) -> "tuple[list[Comparison], list[ComparedPoint]]":
    """Return the comparison, and all points."""
    from bptt.api.judging import barred_grids
    from bptt.comparison import table
    from bptt.comparison.filtering import in_words, only
    from bptt.comparison.moment import WORDS, at_moment

    points = _points(service, grid_ids, asked)
    rows = [store.get_grid(service.database, grid_id) for grid_id in grid_ids]
    found = table.compare(
        at_moment(only(points, asked.conditions), service.settings.runs, asked.at),
        asked.by,
        asked.metrics,
        whole=points,
        tune=asked.tune,
        tune_seeds=asked.tune_seeds,
        barred=barred_grids(service, rows, person),
    )
    said = [] if asked.at == "end" else [WORDS[asked.at]]
    if asked.conditions:
        said.append(
            f"Only the points with {in_words(asked.conditions)}: the 95 % hold if that was decided "
            "before anybody looked."
        )
    grids = [GridCompared(row.grid_id, row.name, row.user, row.points) for row in rows]
    found = [replace(one, notes=[*said, *one.notes], grids=grids) for one in found]
    if len(grids) == 1:
        (grid,) = grids
        found = [
            replace(one, grid_id=grid.grid_id, grid=grid.grid, user=grid.user) for one in found
        ]
    return found, points


def _points(
    service: Service, grid_ids: Sequence[str], asked: ComparisonQuery
) -> "list[ComparedPoint]":
    if len(grid_ids) == 1:
        return _points_of(service, grid_ids[0], asked)[1]
    # only several need to know what their points are apart from what they are called
    from bptt.comparison.matching import GridToMatch, together

    grids = []
    for grid_id in grid_ids:
        names, points = _points_of(service, grid_id, asked)
        whole = store.whole_points(service.database, grid_id)
        while not whole.keys() >= set(names):
            # extended meanwhile, so that its points have other names
            names, points = _points_of(service, grid_id, asked)
            whole = store.whole_points(service.database, grid_id)
        grids.append(GridToMatch(points, [whole[name] for name in names]))
    return together(grids)


def _points_of(
    service: Service, grid_id: str, asked: ComparisonQuery
) -> "tuple[list[str], list[ComparedPoint]]":
    """Return the names of a grid's points, and the points."""
    from bptt.api.judging import compared_points

    return compared_points(service, grid_id, with_choices=bool(asked.tune))


def _pictures(
    service: Service,
    grid_ids: Sequence[str],
    reader: str | None,
    asked: ComparisonQuery,
    kind: Kind,
) -> list[Picture]:
    points = _points(service, grid_ids, asked)
    drawn = _draw(service, _title(service, grid_ids, reader), points, asked, kind)
    return [
        Picture(name=one.name, caption=one.caption, base64=base64.b64encode(one.content).decode())
        for one in drawn
    ]


def _report(
    service: Service, grid_ids: Sequence[str], person: Person | None, asked: ComparisonQuery
) -> Report:
    from bptt.comparison.report import report

    comparisons, points = _answer(service, grid_ids, person, asked)
    title = _title(service, grid_ids, person.name if person else None)
    html = report(
        comparisons,
        _draw(service, title, points, asked, "svg"),
        title=title,
        sources=[store.grid_source(service.database, grid_id).source for grid_id in grid_ids],
        at=time.time(),
    )
    return Report(html=html)


def _title(service: Service, grid_ids: Sequence[str], reader: str | None) -> str:
    """Return what grids are called, for their owner and for others."""
    from bptt.comparison import wording

    grids = [store.get_grid(service.database, grid_id) for grid_id in grid_ids]
    called = [one.name if one.user == reader else f"{one.user}/{one.name}" for one in grids]
    if len(set(called)) < len(called):
        called = [f"{name} ({grid.grid_id})" for name, grid in zip(called, grids, strict=True)]
    return wording.listed(called)


def _draw(
    service: Service,
    title: str,
    points: "list[ComparedPoint]",
    asked: ComparisonQuery,
    kind: Kind,
) -> "list[DrawnPicture]":
    from bptt.comparison.filtering import only
    from bptt.comparison.judged import judged
    from bptt.comparison.moment import at_moment
    from bptt.comparison.pictures import draw_pictures

    runs = service.settings.runs
    held = only(points, asked.conditions)
    measured = at_moment(held, runs, asked.at) if asked.tune else held
    shown = judged(held, asked.by, asked.metrics, asked.tune, asked.tune_seeds, measured)
    return draw_pictures(shown, runs, title=title, kind=kind)
