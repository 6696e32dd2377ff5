"""What is drawn of a grid once it has ended: its comparison, and heat maps of some of its runs."""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from bptt import tracking
from bptt.comparison import ComparedPoint
from bptt.errors import RunUnshippable
from bptt.measuring.logged import EVAL_LOSS
from bptt.records.runs import Run
from bptt.run_folder import RunFolder
from bptt.tracking import Target

HEAT_MAPS_AT_MOST = 20
"""As many as MLflow's page shows side by side."""


def pictures(points: Sequence[ComparedPoint], runs: Path, title: str) -> dict[str, bytes]:
    """Return the pictures of the comparison as artifacts of a grid's parent."""
    from bptt.comparison.judged import judged
    from bptt.comparison.pictures import draw_pictures

    drawn = draw_pictures(judged(points), runs, title=title)
    return {f"pictures/{one.name}.png": one.content for one in drawn}


def add_heat_maps(
    runs: Iterable[Run],
    seed: int | None,
    folder: Callable[[str], RunFolder | None],
    target: Target,
) -> None:
    """Draw and send the heat maps that MLflow's page of the grid shows.

    Args:
        runs: of the grid.
        seed: of the runs that the page shows; None: of all.
        folder: finds the folder of a run, if it is on this machine.
        target: which MLflow.

    Raises:
        TrackingUnavailable: MLflow accepts nothing.
    """
    shown = [run for run in runs if run.result and seed in (None, run.seed)]
    # which it orders by their loss, the best first
    for run in sorted(shown, key=_loss)[:HEAT_MAPS_AT_MOST]:
        # what is wrong with a folder is reported when it is sent
        with suppress(OSError, RunUnshippable):
            if there := folder(run.run_id):
                tracking.add_heat_map(there, target)


def _loss(run: Run) -> float:
    loss = (run.result or {}).get("metrics", {}).get(EVAL_LOSS.key)
    return math.inf if loss is None else float(loss)
