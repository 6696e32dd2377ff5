"""The moment of a run that is compared: its end, its best evaluation, or its beginning."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bptt.comparison.held_out import ONCE
from bptt.comparison.point import ComparedPoint, Moment
from bptt.measuring.earlier import is_of_earlier_estimator
from bptt.measuring.logged import BEST_STEP, BEST_TEST
from bptt.measuring.stored import finished_folder, renewed
from bptt.run_folder import RunFolder

WORDS: Mapping[Moment, str] = {
    "init": "Measured before the first update; runs: what became of them later.",
    "best": "Measured at the best evaluation of each run.",
}
"""What stands below the table."""


def at_moment(points: Sequence[ComparedPoint], runs: Path, moment: Moment) -> list[ComparedPoint]:
    """Return points with the figures of another moment than the end, from the runs' journals.

    A run whose folder is not here has no figures.

    Args:
        points: of a grid.
        runs: the folder of all runs.
        moment: the best evaluation is that of the deciding metric; statistics are those of the
            last probe until then. The test set is measured at the end, with the best weights too.
    """
    if moment == "end":
        return list(points)
    return [
        replace(p, result=_result(p, runs, moment), result_at_end=p.result, moment=moment)
        for p in points
    ]


def _result(point: ComparedPoint, runs: Path, moment: Moment) -> Mapping[str, Any] | None:
    if point.result is None:
        return None
    at = 0
    if moment == "best":
        found = (point.result.get("best") or {}).get(BEST_STEP.key.rpartition("/")[2])
        at = point.result["step"] if found is None else int(found)
    folder = finished_folder(runs, point.run_id)
    metrics = {} if folder is None else _figures(folder, at)
    if moment == "best":
        # otherwise those whose best evaluation was their last would have more figures than others
        metrics = {name: value for name, value in metrics.items() if not name.startswith(ONCE)}
        metrics |= _with_best_weights(point.result)
    result = {**point.result, "metrics": metrics, "step": at}
    if moment == "init":
        return {**result, "seconds": None, "steps_per_second": None}
    # in proportion: those of the whole run are for all of its updates
    taken, made = point.training_seconds, point.result["step"]
    seconds = taken * at / made if taken and made else taken
    return {**result, "seconds": seconds, "preparation_seconds": 0.0}


def _with_best_weights(result: Mapping[str, Any]) -> dict[str, Any]:
    found = result["metrics"]
    return {name: found[name] for name in found if name.startswith(BEST_TEST.beginning)}


def _figures(folder: RunFolder, at: int) -> dict[str, Any]:
    """Return the last value of each metric up to this step."""
    metrics: dict[str, Any] = {}
    for _, record in folder.readable_records():
        if record["step"] > at:
            break
        metrics |= record.get("metrics", {})
    return renewed(metrics, folder, at) if is_of_earlier_estimator(metrics) else metrics
