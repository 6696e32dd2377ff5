"""Turns the reports of one run into its journal, checkpoints and result."""

import hashlib
import io
import json
import math
import resource
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from bptt.durable import link, make_durable, replace
from bptt.errors import CheckpointDamaged
from bptt.execution.checkpoint import to_bytes
from bptt.execution.origin import Origin, find_origin
from bptt.execution.probes import RecordedProbes
from bptt.execution.software import software
from bptt.measuring.logged import (
    BEST,
    RESIDENT_MEMORY,
    STATISTICS_SHARE,
    STEPS_PER_SECOND,
    TRAIN_LOSS,
)
from bptt.measuring.table import SLOPE
from bptt.records.documents import Divergence, ResultDocument
from bptt.run_folder import RunFolder
from bptt.training.reports import UpdateReport

if TYPE_CHECKING:
    from bptt.training import TrainingRun

SYSTEM_EVERY = 10
"""Log lines between two that report speed and memory of the process."""


class Recorder:
    """Writes what one run does; a crash at any moment loses nothing before the last checkpoint.

    Opening it resumes: the run goes back to the last checkpoint, and the journal is cut off
    there, to be rewritten with the same figures.

    Raises:
        CheckpointDamaged: there are checkpoints, but none of them is usable.
    """

    def __init__(self, folder: RunFolder, training: "TrainingRun") -> None:
        self._folder = folder
        self._training = training
        origin = _origin(folder)
        if origin:
            training.load_state_dict(origin.saved["run"])
        self._journal = folder.open_journal(origin.journal if origin else 0)
        self._probes = RecordedProbes(folder)
        self._line = (time.perf_counter(), training.step)
        self.saved_step = training.step
        """Updates done at the last checkpoint."""
        self.saved_at = time.monotonic()
        if origin is None:
            self.checkpoint()
        elif training.step:
            tags: dict[str, Any] = {"bptt.resumed_at": training.step}
            before = origin.saved.get("backend", "autograd")
            now = training.model.backend
            if before != now:
                # from here on figures agree with an undisturbed run only up to rounding
                tags["bptt.resumed_on"] = f"{now}, {before} before"
                print(
                    f"step {training.step}: the cells run on {now}, before on {before}",
                    file=sys.stderr,
                )
            self._append(training.step, tags=tags)

    def record(self, report: UpdateReport) -> None:
        """Write what a report contains, if anything."""
        if report.metrics:
            self._append(report.step, metrics=self._with_system(report))
        if report.probe:
            self._append(report.step, probe=self._probes.add(report.step, report.probe))
        if report.outcome:
            tags: dict[str, Any] = {"bptt.outcome": report.outcome.name}
            if report.outcome.tensor:
                tags |= {
                    "bptt.diverged_at": report.outcome.step,
                    "bptt.diverged_tensor": report.outcome.tensor,
                }
            self._append(report.step, tags=tags)

    def checkpoint(self) -> None:
        """Save the run between two updates; the journal up to here is now final."""
        length = self._journal.sync()
        make_durable(self._probes.write())
        state = {
            "run": self._training.state_dict(),
            "journal": length,
            "backend": self._training.model.backend,
        }
        self._folder.keep_checkpoint()
        replace(self._folder.checkpoint, to_bytes(state))
        self._folder.write("committed", {"journal": length})
        self.saved_step = self._training.step
        self.saved_at = time.monotonic()

    def finish(self) -> ResultDocument:
        """Write and return the result; from then on the whole journal is final.

        Nothing goes on from here, so there is no checkpoint of it: a run that dies before it has
        its result repeats what followed the last one.
        """
        length = self._journal.sync()
        self._folder.write("committed", {"journal": length}, durable=False)
        records = [record for _, record in self._folder.records()]
        weights, flow = self._write_weights(), self._probes.write_all(records)
        make_durable([self._folder.path / "committed.json", *weights, *flow])
        result = self._result(records)
        self._folder.write("result", result.as_json())
        self._folder.drop_superseded(self._probes.are_together)
        return result

    def _write_weights(self) -> list[Path]:
        """Write the last weights and the best; return their files."""
        checkpoints = self._folder.artifacts / "checkpoints"
        checkpoints.mkdir(parents=True, exist_ok=True)
        files: list[Path] = []
        written: dict[bytes, Path] = {}
        for name, weights in self._training.weights().items():
            buffer = io.BytesIO()
            torch.save(weights, buffer)
            content = buffer.getvalue()
            files.append(checkpoints / f"{name}.pt")
            # the last weights may be the best
            if content in written:
                link(written[content], files[-1])
            else:
                replace(files[-1], content, durable=False)
                written[content] = files[-1]
        return files

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _append(self, step: int, **content: Any) -> None:
        self._journal.append({"step": step, "time": time.time_ns() // 1_000_000, **content})

    def _with_system(self, report: UpdateReport) -> dict[str, float | None]:
        metrics = dict(report.metrics)
        line = report.step // self._training.log_every
        if TRAIN_LOSS.key in metrics and (report.outcome or line % SYSTEM_EVERY == 0):
            now, (then, step) = time.perf_counter(), self._line
            metrics[STEPS_PER_SECOND.key] = (report.step - step) / max(now - then, 1e-9)
            metrics[RESIDENT_MEMORY.key] = _peak_memory()
            metrics[STATISTICS_SHARE.key] = self._statistics_share()
            self._line = (now, report.step)
        return {name: value if math.isfinite(value) else None for name, value in metrics.items()}

    def _statistics_share(self) -> float:
        return self._training.statistics_seconds / max(self._training.seconds, 1e-9)

    def _result(self, records: Iterable[Mapping[str, Any]]) -> ResultDocument:
        training = self._training
        outcome = training.outcome
        if outcome is None:
            raise RuntimeError("a run has no result before it has ended")
        latest: dict[str, float | None] = {}
        for record in records:
            latest |= record.get("metrics", {})
        where = Divergence(step=outcome.step, tensor=outcome.tensor)
        return ResultDocument(
            outcome=outcome.name,
            step=outcome.step,
            divergence=where if outcome.name == "diverged" else None,
            solved_at=training.evaluation.solved_at,
            idle_since=training.idle_since,
            overflowed=training.updating.overflowed(),
            metric=training.task.metric,
            better=training.task.better,
            directions={**training.task.directions, training.task.metric: training.task.better},
            training_only=sorted(training.task.training_only),
            baseline=training.task.baseline,
            baselines=training.held_out.baselines,
            metrics=latest,
            seen=training.held_out.split.seen,
            tested=training.held_out.split.tested,
            best=_section(latest, BEST.section),
            flow=_section(latest, SLOPE.section),
            seconds=training.seconds,
            preparation_seconds=training.preparation_seconds,
            steps_per_second=outcome.step / max(training.seconds, 1e-9),
            statistics_share=self._statistics_share(),
            backend=training.model.backend,
            backend_reason=training.backend_reason,
            **software(),
            hash=self._hash(latest),
            ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _hash(self, latest: Mapping[str, float | None]) -> str:
        """Return what two executions of one run must agree in: everything but times."""
        digest = hashlib.sha256()
        for kind, weights in self._training.weights().items():
            for name, weight in weights.items():
                digest.update(f"{kind} {name} {weight.dtype} {tuple(weight.shape)}".encode())
                digest.update(weight.contiguous().cpu().numpy().tobytes())
        of_process = STATISTICS_SHARE.section
        figures = {name: value for name, value in latest.items() if not name.startswith(of_process)}
        digest.update(json.dumps(figures, sort_keys=True).encode())
        return digest.hexdigest()


def _origin(folder: RunFolder) -> Origin | None:
    """Return what the run continues from; damage is reported in the run's log."""
    damages: list[str] = []
    origin = find_origin(folder, damages.append)
    for damage in damages:
        print(damage, file=sys.stderr)
    # deleting it means that the run should start again
    if origin is None and damages and folder.checkpoint.exists():
        raise CheckpointDamaged(
            f"{damages[0]} Run {folder.run_id} cannot go on; to train it again from the "
            f"start, delete {folder.checkpoint} and resume."
        )
    if origin and damages:
        # what is final ends here now
        folder.write("committed", {"journal": origin.journal})
    return origin


def _section(metrics: Mapping[str, float | None], prefix: str) -> dict[str, float | None] | None:
    found = {k.removeprefix(prefix): v for k, v in metrics.items() if k.startswith(prefix)}
    return found or None


def _peak_memory() -> float:
    """Return the peak resident memory of this process in megabytes."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
