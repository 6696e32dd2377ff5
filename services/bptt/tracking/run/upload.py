"""`RunUpload`: what happens in MLflow when a run's folder is shipped once."""

import json
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
from bptt.tracking.run import description
from bptt.tracking.run.context import RunContext
from bptt.tracking.run.rows import LAYER_KEYS_AT_MOST, MetricValue, batches
from bptt.tracking.run.state import Shipped, committed
from bptt.tracking.target import Target

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from bptt.tracking.run.pictures import Pictures

STATUS: Mapping[str, str] = {"failed": "FAILED", "cancelled": "KILLED", "stopped": "KILLED"}
"""MLflow's word for a run's state; every other outcome is a result, even divergence: FINISHED."""


class RunUpload:
    """Opens the run in MLflow if necessary, then sends news, pictures and the end.

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

    def _send_all(self) -> None:
        from bptt.tracking.run.pictures import Pictures

        # the result is read before the journal, which is final from then on
        result = self._folder.read_result()
        end = committed(self._folder)
        context = self._context
        if not self._state.mlflow_run_id:
            self._open()
        elif context.phase == "training" and self._state.status != "RUNNING":
            self._client.update_run(self._state.mlflow_run_id, status="RUNNING")
            self._state.status = "RUNNING"
        self._send_journal(end)
        has_ended = context.ended is not None or result is not None
        pictures = Pictures(self._folder, self._run, end, has_ended)
        self._send_lag_curves(pictures)
        if context.pictures:
            self._send_pictures(pictures)
        if context.ended:
            self._conclude(context.ended, None)
        elif result is not None:
            self._conclude(result.outcome, description.milliseconds(result.ended_at))
        elif context.phase == "stopped":
            self._end("stopped", None)

    def _conclude(self, outcome: str, at: int | None) -> None:
        """Say how the run has ended, and that this is all unless its pictures are to come."""
        if not self._context.pictures:
            self._end(outcome, at)
            return
        failure = self._folder.read("failure") if outcome == "failed" else None
        tags = {"bptt.failure": failure["message"]} if failure else {}
        if (result := self._folder.read_result()) is not None and result.backend:
            tags["bptt.backend"] = result.backend
        self._close(outcome, tags, at)

    def _open(self) -> None:
        """Find the run in MLflow, or create it with its true start; log params and numbers."""
        from mlflow.entities import Param

        started = description.milliseconds(self._run.created_at)
        name = self._run.project or "bptt"
        experiment = experiment_of(self._client, name, self._target, started)
        tags = description.tags(self._run)
        if parent := self._context.parent():
            tags["mlflow.parentRunId"] = parent
        # an earlier visit may have created it and died before it could write that down
        found = self._client.search_runs(
            [experiment], f"tags.`bptt.run_id` = '{self._folder.run_id}'", max_results=1
        )
        if found:
            self._there = points_of(self._client, found[0])
            # if the run went back behind them, they will be computed again
            self._state.resent_after = max((step for _, step in self._there), default=-1)
        run_id = (
            found[0].info.run_id
            if found
            else self._client.create_run(experiment, started, tags, self._run.name).info.run_id
        )
        params = [Param(*pair) for pair in description.params(self._run).items()]
        self._client.log_batch(run_id, params=params, synchronous=True)
        self._state.mlflow_run_id, self._state.status = run_id, "RUNNING"
        numbers = description.numbers(self._run)
        self._send([MetricValue(key, value, started, 0) for key, value in numbers.items()])
        self._state.write(self._folder)

    def _send_journal(self, end: int) -> None:
        state = self._state
        if end < state.journal:
            # the run started again before what was sent, for example without its checkpoint
            state.resent_after, state.journal = state.step, 0
        # what MLflow has is known point by point: the last batch may have arrived in part
        after = -1 if self._there else state.resent_after
        for batch in batches(self._folder, state.journal, end, after):
            self._send([v for v in batch.values if (v.key, v.step) not in self._there], batch.tags)
            state.journal, state.step = batch.end, max(state.step, batch.step)
            state.write(self._folder)

    def _send_lag_curves(self, pictures: "Pictures") -> None:
        curves = dict(pictures.lag_curves(self._state.lag_curves))
        if curves:
            self._send([value for values in curves.values() for value in values])
            self._state.lag_curves += curves

    def _send_pictures(self, pictures: "Pictures") -> None:
        with pictures.heat_map(self._state.heat_maps) as (reached, images):
            if images:
                sweep(images)
                self._log(images, "images")
                self._client.set_tag(self._state.mlflow_run_id, "mlflow.loggedImages", "True")
                self._state.heat_maps = reached
                self._state.write(self._folder)
        if pictures.ended:
            pictures.write_artifacts()
            sweep(self._folder.artifacts)
            self._log(self._folder.artifacts)

    def _log(self, folder: Path, within: str = "") -> None:
        """Log the files of a folder; a database in the home is given them, not copies of them."""
        run_id = self._state.mlflow_run_id
        if self._target.home is None:
            self._client.log_artifacts(run_id, str(folder), within or None)
            return
        uri = self._client.get_run(run_id).info.artifact_uri
        link_tree(folder, Path(url2pathname(urlsplit(uri).path)) / within)

    def _end(self, outcome: str, at: int | None) -> None:
        """Set the last status, as of a time in milliseconds or now."""
        status = STATUS.get(outcome, "FINISHED")
        if self._state.status != status:
            self._client.set_terminated(self._state.mlflow_run_id, status, at)
            self._state.status = status

    def _close(self, outcome: str, tags: Mapping[str, str], at: int | None = None) -> None:
        """Say that nothing more will come."""
        tags = {**tags, "bptt.outcome": outcome, "bptt.sync": "complete"}
        if self._state.keys_left_out:
            tags["bptt.keys_left_out"] = ", ".join(self._state.keys_left_out)
        self._send([], tags)
        self._end(outcome, at)
        self._state.complete = True

    def _send(self, values: Sequence[MetricValue], tags: Mapping[str, str] | None = None) -> None:
        from mlflow.entities import Metric, RunTag

        entries: list[Metric | RunTag] = [Metric(*v) for v in values if self._admit(v.key)]
        entries += [RunTag(*pair) for pair in (tags or {}).items()]
        refused = send(self._client, self._state.mlflow_run_id, entries) if entries else []
        if refused:
            with (self._folder.path / "rejected.jsonl").open("a") as file:
                file.writelines(json.dumps({"refused": line}) + "\n" for line in refused)

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
