"""What is done with grids in MLflow, each in one call; every fault is a `TrackingUnavailable`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bptt.errors import TrackingUnavailable
from bptt.tracking.client import connect
from bptt.tracking.experiment import delete_tags
from bptt.tracking.grid.parent import NOTE, STANDING, GridParent
from bptt.tracking.grid.shown import NOTE_AT_MOST, GridNews, SubmittedGrid
from bptt.tracking.grid.views import links, viewed
from bptt.tracking.target import Target

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DELETED = "*This grid was deleted from the queue; what follows is how it stood last.*\n\n"


def find_grid(target: Target, grid: SubmittedGrid) -> str:
    """Return MLflow's id of a grid's parent, empty if there is none.

    Raises:
        TrackingUnavailable: MLflow cannot be reached or failed.
    """
    with _translated(grid.grid_id):
        return GridParent(target, grid).find()


def open_grid(target: Target, grid: SubmittedGrid) -> str:
    """Return MLflow's id of a grid's parent, made if there is none.

    The caller sees to it that nobody else opens or shows the grid at that time.

    Raises:
        TrackingUnavailable: MLflow cannot be reached or failed.
    """
    with _translated(grid.grid_id):
        return GridParent(target, grid).open()


def show_grid(target: Target, grid: SubmittedGrid, standing: str, news: GridNews) -> None:
    """Bring a grid's parent and views up to date, as far as they are not.

    The caller sees to it that nobody else opens or shows the grid at that time.

    Args:
        target: which MLflow.
        grid: which grid.
        standing: what tells this moment of the grid from others.
        news: what there is to say.

    Raises:
        TrackingUnavailable: MLflow cannot be reached or failed.
    """
    with _translated(grid.grid_id):
        GridParent(target, grid).show(standing, news)


def upload_to_grid(target: Target, grid: SubmittedGrid, files: Mapping[str, bytes]) -> None:
    """Upload to a grid's parent what MLflow has not in this form yet.

    The caller sees to it that nobody else opens or shows the grid at that time.

    Args:
        target: which MLflow.
        grid: which grid.
        files: name -> content of each artifact; pictures are PNG.

    Raises:
        TrackingUnavailable: MLflow cannot be reached or failed.
    """
    with _translated(grid.grid_id):
        GridParent(target, grid).upload(files)


def shown_grids(target: Target) -> dict[str, str]:
    """Return what the newest parents show, as `show_grid` was told, by the grid.

    Raises:
        TrackingUnavailable: MLflow cannot be reached or failed.
    """
    with _translated("the grids"):
        client: MlflowClient = connect(target)
        experiments = [one.experiment_id for one in client.search_experiments()]
        found = client.search_runs(experiments, "tags.`bptt.kind` = 'grid'", max_results=1000)
        tags = [run.data.tags for run in found]
        return {one["bptt.grid_id"]: one.get(STANDING, "") for one in tags}


def viewed_grids(target: Target) -> list[str]:
    """Return the grids that have views.

    Raises:
        TrackingUnavailable: MLflow cannot be reached or failed.
    """
    with _translated("the grids"):
        return [
            grid_id for one in connect(target).search_experiments() for grid_id in viewed(one.tags)
        ]


def retire_grid(target: Target, grid_id: str) -> None:
    """Remove the views of a grid that was deleted from the queue, and have its parent say so.

    Its runs and what they have measured stay.

    Raises:
        TrackingUnavailable: MLflow cannot be reached or failed.
    """
    with _translated(grid_id):
        client: MlflowClient = connect(target)
        for experiment in client.search_experiments():
            tags = viewed(experiment.tags).get(grid_id, [])
            if not tags:
                continue
            which = f"tags.`bptt.grid_id` = '{grid_id}' and tags.`bptt.kind` = 'grid'"
            for parent in client.search_runs([experiment.experiment_id], which):
                _retire(client, parent)
            # last: a process that dies before this does it all again
            delete_tags(client, experiment.experiment_id, tags)


def grid_links(target: Target, address: str, grid: SubmittedGrid) -> dict[str, str]:
    """Return the pages of a grid, by what is on them; none if MLflow knows nothing of it.

    Args:
        target: which MLflow.
        address: `http://host:port` under which a browser reaches it.
        grid: which grid.

    Raises:
        TrackingUnavailable: MLflow cannot be reached or failed.
    """
    with _translated(grid.grid_id):
        client: MlflowClient = connect(target)
        experiment = client.get_experiment_by_name(grid.project or "bptt")
        parent = GridParent(target, grid).find() if experiment else ""
        if experiment is None or not parent:
            return {}
        number = str(experiment.experiment_id)
        page = f"{address}/#/experiments/{number}/runs/{parent}?workflowType=machine_learning"
        return {"comparison": page, **links(address, number, experiment.tags, grid.grid_id)}


def _retire(client: "MlflowClient", parent: "Run") -> None:
    note = parent.data.tags.get(NOTE, "")
    if not note.startswith(DELETED):
        client.set_tag(parent.info.run_id, NOTE, (DELETED + note)[:NOTE_AT_MOST])
    if parent.info.status == "RUNNING":
        client.set_terminated(parent.info.run_id, "KILLED")


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    # MLflow, its database driver, the network and the disk have no exception in common
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise TrackingUnavailable(f"MLflow does not show {what} yet: {reason[:300]}") from error
