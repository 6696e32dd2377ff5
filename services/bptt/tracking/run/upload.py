"""`RunUpload`: what happens in MLflow when a run's folder is shipped once."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from bptt.durable import link_tree, sweep
from bptt.measuring.table import LAYER_GRAD_NORM
from bptt.run_folder import RunFolder
from bptt.tracking.client import FINAL, connect, points_of, require_run, send
from bptt.tracking.experiment import experiment_of
from bptt.tracking.home_database import HomeDatabase
from bptt.tracking.run import description
from bptt.tracking.run.context import RunContext
from bptt.tracking.run.parcel import Parcel
from bptt.tracking.run.rows import (
    LAYER_KEYS_AT_MOST,
    ROWS_AT_MOST,
    TAGS_AT_MOST,
    MetricValue,
    batches,
)
from bptt.tracking.run.state import Shipped, committed
from bptt.tracking.target import Target

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from bptt.tracking.run.pictures import Pictures

STATUS: Mapping[str, str] = {"failed": "FAILED", "cancelled": "KILLED", "stopped": "KILLED"}
"""MLflow's word for a run's state; every other outcome is a result, even divergence: FINISHED."""
AT_ONCE = 20_000
"""Rows of one transaction in the database of the home."""


class RunUpload:
    """Opens the run in MLflow if necessary, then sends parcel, pictures and the end.

    Args:
        folder: of the run.
        target: which MLflow.
        state: what that has already; brought up to date.
        context: what else is known about the run.
    """

    def __init__(
        self, folder: RunFolder, target: Target, state: Shipped, context: RunContext
    ) -> None:
        self._folder = folder
        self._context = context
        self._target = target
        self._state = state
        self._client: MlflowClient = connect(target)
        run = folder.read_run()
        if run is None:
            raise FileNotFoundError(f"run.json is missing in {folder.path}")
        self._run = run
        self._database = HomeDatabase.of(target)
        self._parcel = Parcel()
        """What was not sent yet; all that the state says beyond its file is among it."""
        self._there: set[tuple[str, int]] = set()
        """Points that MLflow has of a run that we have forgotten."""

    def send(self) -> None:
        """Do it; failures are those of `ship`."""
        from mlflow.exceptions import MlflowException

        try:
            self._send_all()
        except MlflowException as error:
            if error.error_code in FINAL and self._state.mlflow_run_id:
                require_run(self._client, self._state.mlflow_run_id)
            raise

    def add_heat_map(self) -> None:
        """Draw and send the heat map of a run that is there otherwise."""
        from bptt.tracking.run.pictures import Pictures

        self._send_heat_map(Pictures(self._folder, self._run, committed(self._folder), True))

    def _send_all(self) -> None:
        from bptt.tracking.run.pictures import Pictures

        # the result is read before the journal, which is final from then on
        result = self._folder.read_result()
        end = committed(self._folder)
        context = self._context
        if not self._state.mlflow_run_id:
            self._open()
        elif context.phase == "training" and self._state.status != "RUNNING":
            self._parcel.status = self._state.status = "RUNNING"
        has_ended = context.ended is not None or result is not None
        pictures = Pictures(self._folder, self._run, end, has_ended)
        # before what says that all is there
        if has_ended:
            pictures.write_artifacts()
            sweep(self._folder.artifacts)
            self._log(self._folder.artifacts)
        self._take_journal(end)
        self._take_lag_curves(pictures)
        # one that was sent must not stay as it was then
        if context.heat_map or (has_ended and self._state.heat_maps):
            self._flush()
            self._send_heat_map(pictures)
        if context.ended:
            self._conclude(context.ended, None)
        elif result is not None:
            self._conclude(result.outcome, description.milliseconds(result.ended_at))
        elif context.phase == "stopped":
            self._end("stopped", None)
        self._flush()

    def _conclude(self, outcome: str, at: int | None) -> None:
        """Say how the run has ended, and that nothing more will come."""
        failure = self._folder.read("failure") if outcome == "failed" else None
        tags = {"bptt.failure": failure["message"]} if failure else {}
        if (result := self._folder.read_result()) is not None and result.backend:
            tags["bptt.backend"] = result.backend
        tags |= {"bptt.outcome": outcome, "bptt.sync": "complete"}
        if self._state.keys_left_out:
            tags["bptt.keys_left_out"] = ", ".join(self._state.keys_left_out)
        self._take([], tags)
        self._end(outcome, at)
        self._state.complete = True

    def _open(self) -> None:
        """Find the run in MLflow, or create it with its true start; take params and numbers."""
        started = description.milliseconds(self._run.created_at)
        project = self._run.project or "bptt"
        tags = description.tags(self._run)
        if parent := self._context.parent():
            tags["mlflow.parentRunId"] = parent
        run_id = self._create(project, started, tags)
        self._parcel.params = description.params(self._run)
        self._state.mlflow_run_id, self._state.status = run_id, "RUNNING"
        numbers = description.numbers(self._run)
        self._take([MetricValue(key, value, started, 0) for key, value in numbers.items()])

    def _create(self, project: str, started: int, tags: Mapping[str, str]) -> str:
        """Return MLflow's id of the run, which an earlier visit may have created before it died."""
        run_id, name = self._folder.run_id, self._run.name
        if self._database:
            found = self._database.find_or_create(project, run_id, started, name, tags)
            if found is None:
                # which has the experiment made, if that is why
                experiment_of(self._client, project, self._target, started)
                found = self._database.find_or_create(project, run_id, started, name, tags)
            if found is not None:
                if found[1]:
                    self._recall(found[0])
                return found[0]
        experiment = experiment_of(self._client, project, self._target, started)
        which = f"tags.`bptt.run_id` = '{run_id}'"
        if runs := self._client.search_runs([experiment], which, max_results=1):
            self._recall(runs[0].info.run_id)
            return str(runs[0].info.run_id)
        return str(self._client.create_run(experiment, started, dict(tags), name).info.run_id)

    def _recall(self, run_id: str) -> None:
        """Find out what MLflow has of a run that we have forgotten."""
        self._there = points_of(self._client, self._client.get_run(run_id))
        # if the run went back behind them, they will be computed again
        self._state.resent_after = max((step for _, step in self._there), default=-1)

    def _take_journal(self, end: int) -> None:
        state = self._state
        if end < state.journal:
            # the run started again before what was sent, for example without its checkpoint
            state.resent_after, state.journal = state.step, 0
        # what MLflow has is known point by point: the last batch may have arrived in part
        after = -1 if self._there else state.resent_after
        for batch in batches(self._folder, state.journal, end, after):
            self._take([v for v in batch.values if (v.key, v.step) not in self._there], batch.tags)
            state.journal, state.step = batch.end, max(state.step, batch.step)

    def _take_lag_curves(self, pictures: "Pictures") -> None:
        for name, values in pictures.lag_curves(list(self._state.lag_curves)):
            self._take(values)
            self._state.lag_curves.append(name)

    def _send_heat_map(self, pictures: "Pictures") -> None:
        due = pictures.heat_maps_due()
        if due <= self._state.heat_maps:
            return
        with tempfile.TemporaryDirectory() as temporary:
            if pictures.write_heat_map(Path(temporary)):
                self._log(Path(temporary), "images")
                self._client.set_tag(self._state.mlflow_run_id, "mlflow.loggedImages", "True")
                self._state.heat_maps = due
                self._state.write(self._folder)

    def _log(self, folder: Path, within: str = "") -> None:
        """Log the files of a folder; a database in the home is given them, not copies of them."""
        run_id = self._state.mlflow_run_id
        if self._target.home is None:
            self._client.log_artifacts(run_id, str(folder), within or None)
            return
        if self._database:
            uri = self._database.place_of(run_id)
        else:
            uri = self._client.get_run(run_id).info.artifact_uri
        link_tree(folder, Path(url2pathname(urlsplit(uri).path)) / within)

    def _end(self, outcome: str, at: int | None) -> None:
        """Set the last status, as of a time in milliseconds or now."""
        status = STATUS.get(outcome, "FINISHED")
        if self._state.status != status:
            self._parcel.status = self._state.status = status
            self._parcel.has_ended, self._parcel.ended_at = True, at

    def _take(self, values: Sequence[MetricValue], tags: Mapping[str, str] | None = None) -> None:
        """Add to what is sent next; send what there is if it would be too much."""
        tags = tags or {}
        parcel, most = self._parcel, AT_ONCE if self._database else ROWS_AT_MOST
        many = len(parcel.tags) + len(tags) > TAGS_AT_MOST
        if parcel.rows and (many or parcel.rows + len(values) + len(tags) > most):
            self._flush()
        self._parcel.values += [value for value in values if self._admit(value.key)]
        self._parcel.tags |= tags

    def _flush(self) -> None:
        """Send what was taken, then remember it."""
        parcel, run_id = self._parcel, self._state.mlflow_run_id
        if not parcel.rows and not parcel.status:
            return
        if self._database and self._database.takes(parcel):
            self._database.write(run_id, parcel)
        else:
            self._send(parcel)
        self._parcel = Parcel()
        self._state.write(self._folder)

    def _send(self, parcel: Parcel) -> None:
        from mlflow.entities import Metric, Param, RunTag

        run_id = self._state.mlflow_run_id
        entries: list[Metric | Param | RunTag] = [Metric(*value) for value in parcel.values]
        entries += [Param(*pair) for pair in parcel.params.items()]
        entries += [RunTag(*pair) for pair in parcel.tags.items()]
        for start in range(0, len(entries), ROWS_AT_MOST):
            if refused := send(self._client, run_id, entries[start : start + ROWS_AT_MOST]):
                with (self._folder.path / "rejected.jsonl").open("a") as file:
                    file.writelines(json.dumps({"refused": line}) + "\n" for line in refused)
        if parcel.has_ended:
            self._client.set_terminated(run_id, parcel.status, parcel.ended_at)
        elif parcel.status:
            self._client.update_run(run_id, status=parcel.status)

    def _admit(self, key: str) -> bool:
        """Say whether a metric is sent: all are, but of the layers' only the first ones."""
        sent, left_out = self._state.layer_keys, self._state.keys_left_out
        if not key.startswith(LAYER_GRAD_NORM.section) or key in sent:
            return True
        if len(sent) < LAYER_KEYS_AT_MOST:
            sent.append(key)
            return True
        if key not in left_out:
            left_out.append(key)
        return False
