"""Three ready pages per grid: means over seeds, heat maps, and a table.

Each shows the runs that were trained for the grid, and neither its parent nor other runs. They lie
in tags of the experiment; where one is not there, its link says what it can without it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bptt.measuring.logged import (
    CLIP_FRACTION,
    CLIPPED_NORM,
    EVAL_LOSS,
    EVAL_METRIC,
    GRAD_NORM,
    NORM_MAX,
    TRAIN_LOSS,
)
from bptt.measuring.table import HORIZON, LAG_CURVE, MOMENTS, SCALARS, SLOPE
from bptt.tracking.grid import charts

NEWEST = 40
"""Grids of an experiment that keep their views; every page of the experiment reads them all."""

MEAN, HEAT_MAPS, TABLE = "mean over seeds", "heat maps", "table"
KEYS: Mapping[str, str] = {MEAN: "mean", HEAT_MAPS: "heat-maps", TABLE: "table"}
"""How links name the views, behind the id of the grid."""

LEARNING, LAGS, CLIPPING = "Learning", "Gradient by lag, log10", "Clipping"
PICTURES = "Gradient by lag"
MECHANICAL = tuple(sorted({row.section[:-1] for row in SCALARS if row is not LAG_CURVE}))
"""Sections that MLflow makes of all other metrics; they are there, folded."""
ROW = 500
"""Pixels of a row of heat maps, of which a page of common width holds two."""
ROWS_AT_MOST = 10
GROUPS = {
    "aggregateFunction": "average",
    "groupByKeys": [{"mode": "tag", "groupByData": "bptt.config"}],
}


@dataclass(frozen=True)
class GridViews:
    """What the views of one grid show."""

    grid_id: str
    name: str
    metrics: tuple[str, ...]
    """Names of the metrics that decide, one per task; none before a run has ended."""
    axes: tuple[str, ...]
    """Names of the params in which its runs differ, without the seed."""
    seed: int | None
    """Whose heat maps stand next to each other; None: its runs do not differ in the seed."""
    configurations: int
    """How many of them there are."""

    def tags(self, now: int) -> dict[str, str]:
        """Return the tags that hold the views.

        Args:
            now: milliseconds since the epoch; the same for the same grid, or it is another tag.
        """
        states = {MEAN: self._mean(), HEAT_MAPS: self._heat_maps(), TABLE: self._table()}
        return {
            f"{charts.PREFIX}{key(self.grid_id, view)}": charts.tag_value(
                f"{self.name} ({self.grid_id}): {view}", state, now
            )
            for view, state in states.items()
        }

    def _mean(self) -> dict[str, Any]:
        deciding = [EVAL_METRIC.named(metric) for metric in self.metrics if metric != "loss"]
        content = {
            LEARNING: [*(deciding or [TRAIN_LOSS.key]), EVAL_LOSS.key],
            LAGS: [*(LAG_CURVE.named(moment) for moment in MOMENTS), SLOPE.key],
            CLIPPING: [row.key for row in (GRAD_NORM, CLIPPED_NORM, CLIP_FRACTION, NORM_MAX)],
        }
        return charts.page(
            [
                # two next to each other, or titles and legends are cut
                *(charts.section(name, columns=2, cardHeight=420) for name in content),
                *_folded(),
            ],
            [charts.line(metric, name) for name, metrics in content.items() for metric in metrics],
            searchFilter=condition(self.grid_id),
            groupBy=GROUPS,
            runsHiddenMode="SHOW_ALL",
        )

    def _heat_maps(self) -> dict[str, Any]:
        rows = min((self.configurations + 1) // 2, ROWS_AT_MOST)
        return charts.page(
            # one card as wide as the page and as high as its pictures
            [charts.section(PICTURES, columns=1, cardHeight=120 + ROW * max(rows, 1)), *_folded()],
            [charts.images("flow/heatmap", PICTURES)],
            searchFilter=condition(self.grid_id, self.seed),
            # pictures come in the reverse order of the runs: the best first
            orderByAsc=False,
        )

    def _table(self) -> dict[str, Any]:
        metrics = [EVAL_METRIC.named(metric) for metric in self.metrics]
        metrics += [name for name in (EVAL_LOSS.key,) if name not in metrics]
        metrics += [row.key for row in (SLOPE, HORIZON, GRAD_NORM, CLIP_FRACTION)]
        return charts.page(
            [],
            [],
            searchFilter=condition(self.grid_id),
            groupBy=GROUPS,
            runsHiddenMode="SHOW_ALL",
            selectedColumns=[
                *(f"metrics.`{name}`" for name in metrics),
                "tags.`bptt.outcome`",
                *(f"params.`{name}`" for name in self.axes),
                "attributes.`Duration`",
            ],
        )


def _folded() -> list[dict[str, Any]]:
    return [charts.section(name, display=False) for name in MECHANICAL]


def key(grid_id: str, view: str) -> str:
    """Return the key of one view of a grid."""
    return f"bptt-{grid_id}-{KEYS[view]}"


def condition(grid_id: str, seed: int | None = None) -> str:
    """Return MLflow's filter for the runs of a grid, or for those of one seed."""
    runs = f"tags.`bptt.grid_id` = '{grid_id}' and tags.`bptt.kind` = 'train'"
    return runs if seed is None else f"{runs} and params.`seed` = '{seed}'"


def links(
    address: str, experiment_id: str, tags: Mapping[str, str], grid_id: str
) -> dict[str, str]:
    """Return the address of each view by its name.

    Args:
        address: `http://host:port` under which a browser reaches MLflow.
        experiment_id: MLflow's id.
        tags: tags of the experiment.
        grid_id: of the grid.
    """
    found = {}
    for view in KEYS:
        query = {} if view == TABLE else {"compareRunsMode": "CHART"}
        if f"{charts.PREFIX}{key(grid_id, view)}" in tags:
            query["viewStateShareKey"] = key(grid_id, view)
        else:
            query |= {
                "searchFilter": condition(grid_id),
                "orderByKey": charts.ORDER,
                "orderByAsc": "true",
            }
        found[view] = charts.link(address, experiment_id, **query)
    return found


def viewed(tags: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the tags of views by the grid they belong to, the grid made first first."""
    found: dict[str, list[str]] = {}
    made: dict[str, int] = {}
    endings = {f"-{name}" for name in KEYS.values()}
    for tag, value in tags.items():
        words = tag.removeprefix(f"{charts.PREFIX}bptt-")
        ending = next((one for one in endings if words.endswith(one)), "")
        if words == tag or not ending:
            continue
        grid_id = words.removesuffix(ending)
        found.setdefault(grid_id, []).append(tag)
        made[grid_id] = _created(value)
    return {grid_id: found[grid_id] for grid_id in sorted(found, key=lambda one: made[one])}


def _created(value: str) -> int:
    try:
        return int(json.loads(value)["createdAt"])
    except (ValueError, KeyError, TypeError):
        # somebody else's hand; it goes first
        return 0
