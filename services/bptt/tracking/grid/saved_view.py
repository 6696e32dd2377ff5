"""The view of an experiment that MLflow's pages open with: the gradient through time first.

MLflow keeps a shared view as a tag of the experiment, in a form that it does not document. A
version that cannot read it shows its own arrangement, and nothing else is lost.
"""

from collections.abc import Mapping
from typing import Any

from bptt.measuring.logged import EVAL_LOSS, GRAD_NORM
from bptt.measuring.table import LAG_CURVE, MOMENTS, SLOPE
from bptt.tracking.grid import charts

KEY = "bptt-gradient-through-time"
TAG = f"{charts.PREFIX}{KEY}"

LINES: Mapping[str, tuple[str, ...]] = {
    "Gradient through time: log10 of the norm, by lag": (
        *(LAG_CURVE.named(moment) for moment in MOMENTS),
    ),
    "Training": (EVAL_LOSS.key, SLOPE.key, GRAD_NORM.key),
}
HEAT_MAPS = "Gradient through time: lag across, training step upwards"


def tag_value(now: int) -> str:
    """Return the value of the tag; `now` is in milliseconds."""
    return charts.tag_value("Gradient through time", _state(), now)


def link(address: str, experiment_id: str, tags: Mapping[str, str]) -> str:
    """Return the address of an experiment's charts, in our view if the experiment has it.

    Args:
        address: `http://host:port` under which a browser reaches MLflow.
        experiment_id: MLflow's id.
        tags: tags of the experiment.
    """
    if TAG in tags:
        query = {"viewStateShareKey": KEY}
    else:
        query = {"orderByKey": charts.ORDER, "orderByAsc": "true"}
    return charts.link(address, experiment_id, compareRunsMode="CHART", **query)


def _state() -> dict[str, Any]:
    lines, training = LINES
    shown = [
        *(charts.line(key, lines) for key in LINES[lines]),
        charts.images("flow/heatmap", HEAT_MAPS),
        *(charts.line(key, training) for key in LINES[training]),
    ]
    sections = [
        charts.section(lines),
        # one card as wide as the page, so that the pictures stand side by side
        charts.section(HEAT_MAPS, columns=1, cardHeight=600),
        charts.section(training),
    ]
    return charts.page(sections, shown)
