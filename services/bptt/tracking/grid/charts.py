"""The charts of a saved view and the form in which MLflow keeps one; it documents neither."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

ORDER = "metrics.`eval/loss`"
"""By a metric: in any other order a collapsed parent hides the charts of its children."""
PREFIX = "mlflow.sharedViewState."
"""Of the tag of an experiment that holds a view; the rest is the key by which links name it."""

RUNS_SHOWN = 20


def tag_value(name: str, state: Mapping[str, Any], now: int) -> str:
    """Return the value of the tag that holds a view.

    Args:
        name: what MLflow calls it.
        state: of the page.
        now: milliseconds since the epoch.
    """
    packed = zlib.compress(json.dumps(state).encode())
    return json.dumps(
        {
            "name": name,
            "createdAt": now,
            "updatedAt": now,
            "state": f"deflate;{base64.b64encode(packed).decode()}",
        }
    )


def link(address: str, experiment_id: str, **query: str) -> str:
    """Return the address of an experiment's page.

    Without the workflow MLflow opens its pages for language models.

    Args:
        address: `http://host:port` under which a browser reaches MLflow.
        experiment_id: MLflow's id.
        query: what the page should show.
    """
    path = f"{address}/#/experiments/{quote(experiment_id)}/runs"
    return f"{path}?{urlencode({'workflowType': 'machine_learning', **query}, quote_via=quote)}"


def page(
    sections: Sequence[Mapping[str, Any]], charts: Sequence[Mapping[str, Any]], **more: Any
) -> dict[str, Any]:
    """Return the state of a page.

    Args:
        sections: of charts, in order.
        charts: in order; each names its section.
        more: fields that differ from a page that shows every run by itself.
    """
    return {
        "searchFilter": "",
        "orderByKey": ORDER,
        "orderByAsc": True,
        "selectedColumns": ["attributes.`Created`"],
        "groupBy": None,
        "runsHiddenMode": "FIRST_20_RUNS",
        # ours first, then the rest by name as MLflow arranges it
        "isAccordionReordered": True,
        "compareRunSections": list(sections),
        "compareRunCharts": list(charts),
        **more,
    }


def section(name: str, **more: Any) -> dict[str, Any]:
    """Return a section of charts."""
    return {"uuid": name, "name": name, "display": True, "isReordered": True, **more}


def line(key: str, section: str, name: str = "") -> dict[str, Any]:
    """Return a chart of one metric over its step, a line per run or group."""
    return _card("LINE", key, section) | {
        "metricKey": key,
        "selectedMetricKeys": [key],
        "displayName": name or key,
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


def images(key: str, section: str) -> dict[str, Any]:
    """Return pictures of one name, one per run, side by side."""
    # a run's parameters above its picture would make each as wide as the page
    return _card("IMAGE", key, section) | {"imageKeys": [key], "step": 0, "showRunParams": False}


def _card(kind: str, key: str, section: str) -> dict[str, Any]:
    return {
        "type": kind,
        "uuid": key,
        "metricSectionId": section,
        "runsCountToCompare": RUNS_SHOWN,
        "deleted": False,
        "isGenerated": False,
    }
