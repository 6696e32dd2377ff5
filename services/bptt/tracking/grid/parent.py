"""`GridParent`: the parent run of a grid in MLflow, found or made, and what it says.

MLflow creates as many runs with one tag as it is asked for. So whoever creates a parent makes sure
that nobody else does at that time; if there are two nevertheless (an answer was lost on its way),
one of them is removed, and every process picks the same one.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bptt.tracking.client import connect
from bptt.tracking.experiment import delete_tags, experiment_of
from bptt.tracking.grid.shown import NOTE_AT_MOST, GridNews, SubmittedGrid, digest
from bptt.tracking.grid.views import NEWEST, viewed
from bptt.tracking.target import Target

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

NOTE = "mlflow.note.content"
# the pages do not show tags that begin like this
STANDING = "mlflow.bptt.standing"
"""Tag: which moment of the grid the parent shows."""
FILES = "mlflow.bptt.files"
"""Tag: what was uploaded, by name."""
PARENT = "mlflow.parentRunId"
PAGE = 1000


class GridParent:
    """The parent run of one grid.

    Args:
        target: which MLflow.
        grid: which grid.
    """

    def __init__(self, target: Target, grid: SubmittedGrid) -> None:
        self._target = target
        self._grid = grid
        self._client: MlflowClient = connect(target)

    def find(self) -> str:
        """Return MLflow's id of the parent, empty if there is none."""
        found = self._all(self._experiment())
        return str(_chosen(found).info.run_id) if found else ""

    def open(self) -> str:
        """Find or create the parent and return its id; nobody else may do so meanwhile."""
        return str(self._open(self._experiment()).info.run_id)

    def show(self, standing: str, news: GridNews) -> None:
        """Bring the parent and the views up to date; nobody else may do so meanwhile.

        Args:
            standing: what tells this moment of the grid from others.
            news: what there is to say.
        """
        experiment = self._experiment()
        parent = self._open(experiment)
        if not _is_active(parent) or parent.data.tags.get(STANDING) == standing:
            return
        self._write_views(experiment, news)
        self._describe(parent, news)
        self._set_status(parent, news)
        # last: a process that dies before this does it all again
        self._client.set_tag(parent.info.run_id, STANDING, standing)

    def upload(self, files: Mapping[str, bytes]) -> None:
        """Upload what MLflow does not yet have in this form, as artifacts of the parent.

        Args:
            files: name -> content; pictures are PNG.
        """
        parent = self._open(self._experiment())
        there = _uploaded(parent)
        changed = {name: file for name, file in files.items() if there.get(name) != digest(file)}
        if not changed or not _is_active(parent):
            return
        with tempfile.TemporaryDirectory() as temporary:
            for name, content in changed.items():
                path = Path(temporary, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self._client.log_artifacts(parent.info.run_id, temporary)
        names = there | {name: digest(file) for name, file in changed.items()}
        self._client.set_tag(parent.info.run_id, FILES, json.dumps(names))

    def _experiment(self) -> str:
        name = self._grid.project or "bptt"
        return experiment_of(self._client, name, self._target, self._grid.created_at)

    def _all(self, experiment: str) -> "list[Run]":
        from mlflow.entities import ViewType

        which = f"tags.`bptt.grid_id` = '{self._grid.grid_id}' and tags.`bptt.kind` = 'grid'"
        return list(self._client.search_runs([experiment], which, ViewType.ALL))

    def _open(self, experiment: str) -> "Run":
        found = self._all(experiment)
        if not found:
            return self._create(experiment)
        chosen = _chosen(found)
        others = [r.info.run_id for r in found if r is not chosen and _is_active(r)]
        if others:
            self._adopt(experiment, chosen.info.run_id)
        for run_id in others:
            self._client.delete_run(run_id)
        return chosen

    def _create(self, experiment: str) -> "Run":
        from mlflow.entities import Param

        grid = self._grid
        made = self._client.create_run(experiment, grid.created_at, grid.tags, grid.name)
        params = {"grid.axes": grid.axes_told, "grid.size": str(grid.size)}
        entries = [Param(*pair) for pair in params.items()]
        self._client.log_batch(made.info.run_id, params=entries, synchronous=True)
        self._adopt(experiment, made.info.run_id)
        return made

    def _adopt(self, experiment: str, run_id: str) -> None:
        """Make this the parent of all existing runs of the grid."""
        which = f"tags.`bptt.grid_id` = '{self._grid.grid_id}' and tags.`bptt.kind` = 'train'"
        token = None
        while True:
            page = self._client.search_runs([experiment], which, max_results=PAGE, page_token=token)
            for child in page:
                if child.data.tags.get(PARENT) != run_id:
                    self._client.set_tag(child.info.run_id, PARENT, run_id)
            token = page.token
            if not token:
                return

    def _write_views(self, experiment: str, news: GridNews) -> None:
        there: Mapping[str, str] = self._client.get_experiment(experiment).tags
        wanted = news.views(self._grid).tags(self._grid.created_at)
        for tag, value in wanted.items():
            if there.get(tag) != value:
                self._client.set_experiment_tag(experiment, tag, value)
        others = {g: tags for g, tags in viewed(there).items() if g != self._grid.grid_id}
        for grid_id in list(others)[: max(len(others) - NEWEST + 1, 0)]:
            delete_tags(self._client, experiment, others[grid_id])

    def _describe(self, parent: "Run", news: GridNews) -> None:
        from mlflow.entities import RunTag

        # params never change, and a grid may be extended
        tags = {
            "bptt.axes": self._grid.axes_told,
            "bptt.size": str(self._grid.size),
            NOTE: news.note[:NOTE_AT_MOST],
        }
        entries = [RunTag(*pair) for pair in tags.items()]
        self._client.log_batch(parent.info.run_id, tags=entries, synchronous=True)

    def _set_status(self, parent: "Run", news: GridNews) -> None:
        run_id, end = parent.info.run_id, news.ended_at
        if news.status != "RUNNING":
            self._client.set_terminated(run_id, news.status, end)
        elif parent.info.status != "RUNNING":
            self._client.update_run(run_id, status="RUNNING")


def _uploaded(parent: "Run") -> dict[str, str]:
    try:
        return dict(json.loads(parent.data.tags.get(FILES, "{}")))
    except ValueError:
        # cut by MLflow because of very many files: they are all sent again
        return {}


def _is_active(run: "Run") -> bool:
    return bool(run.info.lifecycle_stage != "deleted")


def _chosen(found: "Sequence[Run]") -> "Run":
    """Return the parent on which every process decides; a deleted one if there are no others.

    Somebody who deleted it in MLflow does not want another one.
    """
    return min(found, key=lambda run: (not _is_active(run), run.info.run_id))
