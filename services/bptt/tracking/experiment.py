"""MLflow's experiments: one per project."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bptt.tracking.grid import saved_view
from bptt.tracking.target import Target

if TYPE_CHECKING:
    from mlflow import MlflowClient


def experiment_of(client: "MlflowClient", name: str, target: Target, now: int) -> str:
    """Return the id of the experiment, made if there is none and restored if it was deleted."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        view = {saved_view.TAG: saved_view.tag_value(now)}
        try:
            return client.create_experiment(name, target.artifacts, view)
        except MlflowException as error:
            # another process was faster
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    if found is None:
        raise LookupError(f"experiment {name!r} comes and goes")
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def delete_tags(client: "MlflowClient", experiment: str, tags: Iterable[str]) -> None:
    """Delete tags of an experiment; one that is already gone is fine."""
    from mlflow.exceptions import MlflowException

    for tag in tags:
        try:
            client.delete_experiment_tag(experiment, tag)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
