"""Routes of a grid's answer: the comparison of its configurations, pictures and the report.

The code that compares and draws is imported only when somebody asks for it.
"""

import base64
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Depends

from bptt import store
from bptt.api.asking import Reader
from bptt.api.comparison_answers import Picture, Report
from bptt.api.parameters import Names, Seeds
from bptt.api.reading import NamedGrid
from bptt.api.routing import new_router
from bptt.api.service import Service, Shared
from bptt.measuring.earlier import with_present_figures
from bptt.records.comparison import Comparison
from bptt.records.grids import Grid

if TYPE_CHECKING:
    from bptt.comparison import ComparedPoint
    from bptt.comparison.pictures import DrawnPicture

router = new_router("comparison")


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


@router.get("/grids/{grid}/comparison")
def compare(
    grid_id: NamedGrid, service: Shared, asked: Annotated[ComparisonQuery, Depends(_query)]
) -> list[Comparison]:
    """Compare the configurations of a grid, for each of its problems: a task with its options.

    `by` names the axes that distinguish configurations, `metric` what is compared, `at` at which
    moment of a run: before the first update, at its best evaluation, or at its end. `tune` names
    axes whose best value each configuration takes, by the seeds `tune_seed`, to be judged on
    the others. `condition` is `axis=value`; points that do not meet it are left out.
    """
    found = _compared(service, _points(service, grid_id), grid_id, asked)
    grid = store.get_grid(service.database, grid_id)
    return [replace(one, grid_id=grid_id, grid=grid.name, user=grid.user) for one in found]


@router.get("/grids/{grid}/pictures")
def pictures(
    grid_id: NamedGrid,
    service: Shared,
    reader: Reader,
    by: Names = None,
    kind: Literal["png", "svg"] = "png",
    condition: Names = None,
) -> list[Picture]:
    """Draw what the runs of a grid measured, those whose folders the server can read.

    `by` and `condition` are as in a comparison.
    """
    from bptt.comparison.filtering import only

    title = _title(store.get_grid(service.database, grid_id), reader)
    points = only(_points(service, grid_id), condition or [])
    drawn = _draw(service, title, points, by, kind)
    return [
        Picture(name=one.name, caption=one.caption, base64=base64.b64encode(one.content).decode())
        for one in drawn
    ]


@router.get("/grids/{grid}/report")
def report(
    grid_id: NamedGrid,
    service: Shared,
    reader: Reader,
    asked: Annotated[ComparisonQuery, Depends(_query)],
) -> Report:
    """The comparison and the pictures as one self-contained page of HTML."""
    from bptt.comparison.filtering import only
    from bptt.comparison.report import report

    points = _points(service, grid_id)
    grid = store.get_grid(service.database, grid_id)
    title = _title(grid, reader)
    html = report(
        _compared(service, points, grid_id, asked),
        _draw(service, title, only(points, asked.conditions), asked.by, "svg"),
        title=title,
        user=grid.user,
        grid_id=grid_id,
        source=store.grid_source(service.database, grid_id).source,
        at=time.time(),
    )
    return Report(html=html)


def _compared(
    service: Service, points: "list[ComparedPoint]", grid_id: str, asked: ComparisonQuery
) -> list[Comparison]:
    from bptt.comparison import table
    from bptt.comparison.filtering import in_words, only
    from bptt.comparison.moment import WORDS, at_moment

    found = table.compare(
        at_moment(only(points, asked.conditions), service.settings.runs, asked.at),
        asked.by,
        asked.metrics,
        grid=grid_id,
        seeds={point.seed for point in points},
        tune=asked.tune,
        tune_seeds=asked.tune_seeds,
    )
    said = [] if asked.at == "end" else [WORDS[asked.at]]
    if asked.conditions:
        said.append(
            f"Only the points with {in_words(asked.conditions)}: the 95 % hold if that was decided "
            "before anybody looked."
        )
    return [replace(one, notes=[*said, *one.notes]) for one in found]


def _points(service: Service, grid_id: str) -> "list[ComparedPoint]":
    from bptt import comparison

    listed = store.every_point(service.database, grid_id)
    runs = with_present_figures(listed, service.settings.runs)
    return comparison.points_of(runs, store.first_spec(service.database, grid_id))


def _title(grid: Grid, reader: str | None) -> str:
    """Return what a grid is called, for its owner and for others."""
    return grid.name if grid.user == reader else f"{grid.user}/{grid.name}"


def _draw(
    service: Service,
    title: str,
    points: "list[ComparedPoint]",
    by: list[str] | None,
    kind: Literal["png", "svg"],
) -> "list[DrawnPicture]":
    from bptt.comparison.pictures import draw_pictures

    return draw_pictures(points, service.settings.runs, title=title, by=by or (), kind=kind)
