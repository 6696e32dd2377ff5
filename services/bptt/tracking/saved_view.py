"""The view of an experiment that MLflow's pages open with: the gradient through time first.

MLflow keeps a shared view as a tag of the experiment, in a form that it does not document. A
version that cannot read it shows its own arrangement, and nothing else is lost.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

KEY = "bptt-gradient-through-time"
TAG = f"mlflow.sharedViewState.{KEY}"
ORDER = "metrics.`eval/loss`"

LINES: Mapping[str, tuple[str, ...]] = {
    "Gradient through time: log10 of the norm, by lag": (
        "flow_lag/init",
        "flow_lag/mid",
        "flow_lag/final",
    ),
    "Training": ("eval/loss", "flow/slope", "grad/norm"),
}
HEAT_MAPS = "Gradient through time: lag across, training step upwards"


def tag_value(now: int) -> str:
    """Return the value of the tag; `now` is in milliseconds."""
    state = zlib.compress(json.dumps(_state()).encode())
    return json.dumps(
        {
            "name": "Gradient through time",
            "createdAt": now,
            "updatedAt": now,
            "state": f"deflate;{base64.b64encode(state).decode()}",
        }
    )


def link(address: str, experiment_id: str, tags: Mapping[str, str]) -> str:
    """Return the address of an experiment's charts, in our view if the experiment has it.

    Without the workflow MLflow opens its pages for language models; without the order by a
    metric a collapsed parent hides the charts.

    Args:
        address: `http://host:port` under which a browser reaches MLflow.
        experiment_id: MLflow's id.
        tags: tags of the experiment.
    """
    query = {"workflowType": "machine_learning", "compareRunsMode": "CHART"}
    if TAG in tags:
        query["viewStateShareKey"] = KEY
    else:
        query |= {"orderByKey": ORDER, "orderByAsc": "true"}
    path = f"{address}/#/experiments/{quote(experiment_id)}/runs"
    return f"{path}?{urlencode(query, quote_via=quote)}"


def _state() -> dict[str, Any]:
    lines, training = LINES
    return {
        "searchFilter": "",
        "orderByKey": ORDER,
        "orderByAsc": True,
        "selectedColumns": ["attributes.`Created`"],
        "groupBy": None,
        "runsHiddenMode": "FIRST_20_RUNS",
        # ours first, then the rest by name as MLflow arranges it
        "isAccordionReordered": True,
        "compareRunSections": [
            _section(lines),
            # one card as wide as the page, so that the pictures stand side by side
            _section(HEAT_MAPS) | {"columns": 1, "cardHeight": 600},
            _section(training),
        ],
        "compareRunCharts": [
            *(_line(key, lines) for key in LINES[lines]),
            _images("flow/heatmap", HEAT_MAPS),
            *(_line(key, training) for key in LINES[training]),
        ],
    }


def _section(name: str) -> dict[str, Any]:
    return {"uuid": name, "name": name, "display": True, "isReordered": True}


def _line(key: str, section: str) -> dict[str, Any]:
    return _card("LINE", key, section) | {
        "metricKey": key,
        "selectedMetricKeys": [key],
        "displayName": key,
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisKey": "step",
        "xAxisScaleType": "linear",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "range": {},
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }


def _images(key: str, section: str) -> dict[str, Any]:
    # a run's parameters above its picture would make each as wide as the page
    return _card("IMAGE", key, section) | {"imageKeys": [key], "step": 0, "showRunParams": False}


def _card(kind: str, key: str, section: str) -> dict[str, Any]:
    return {
        "type": kind,
        "uuid": key,
        "metricSectionId": section,
        "runsCountToCompare": 20,
        "deleted": False,
        "isGenerated": False,
    }
