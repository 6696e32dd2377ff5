"""Results of earlier versions, whose slopes came from another estimator.

Versions before decision 0036 pooled the anchors and saw the top layer alone. Their figures are
computed again, from the arrays in the run's folder, whenever a result is read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from bptt.measuring.table import REACH, SLOPE, SLOPE_HIGHEST, SLOPE_LOWEST
from bptt.records.runs import MissingPoint, Run

Listed = TypeVar("Listed", Run, Run | MissingPoint)


def is_of_earlier_estimator(metrics: Mapping[str, Any]) -> bool:
    """Say whether these figures are of another estimator.

    `flow/reach` and the slopes of single anchors came with this one; a gradient that explodes or
    dies has no reach.
    """
    new = (REACH.key, SLOPE_LOWEST.key, SLOPE_HIGHEST.key)
    return SLOPE.key in metrics and not any(key in metrics for key in new)


def with_present_figures(runs: Iterable[Listed], folders: Path) -> list[Listed]:
    """Return runs with the figures of the present estimator.

    A result whose arrays are not in this folder stays as it is: `is_of_earlier_estimator` says so.

    Args:
        runs: as the store lists them.
        folders: the folder of all runs.
    """
    return [_renewed(run, folders) for run in runs]


def _renewed(run: Any, folders: Path) -> Any:
    measured = (run.result or {}).get("metrics") or {}
    if not is_of_earlier_estimator(measured):
        return run
    # numpy is not loaded for results of this version
    from bptt.measuring.stored import finished_folder, renewed

    metrics = renewed(measured, finished_folder(folders, run.run_id))
    return replace(run, result={**run.result, "metrics": metrics})
