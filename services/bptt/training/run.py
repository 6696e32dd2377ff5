"""One run in training: everything that changes from update to update."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from bptt import registry
from bptt.batches import scored
from bptt.batches.data import TrainingData
from bptt.contracts import (
    Batch,
    Clipper,
    Gradients,
    State,
    StreamTask,
    Task,
    elementwise,
    joint_norm,
)
from bptt.errors import ContractViolation
from bptt.kernels.compiled.building import NotBuilt
from bptt.kernels.compiled.update import load_update_kernel
from bptt.measuring.logged import TRAIN_METRIC, UPDATE_RATIO
from bptt.measuring.probe import Probe
from bptt.measuring.training_flow import TrainingFlow
from bptt.network import divergence
from bptt.network.model import WINDOWS, Forward, build_model
from bptt.network.parameters import FlatParameters, is_finite
from bptt.network.passes import Passes
from bptt.norms import count_elements, update_ratio
from bptt.spec import RunSpec
from bptt.training.best_weights import BestWeights
from bptt.training.evaluation import Evaluation
from bptt.training.held_out import HeldOut
from bptt.training.normal_range import NormalRange
from bptt.training.reports import Outcome, OutcomeName, UpdateReport
from bptt.training.updating import Updating
from bptt.training.window import Window, log_interval

HOPELESS = 100
"""Updates skipped in a row after which the run counts as diverged: nothing changes any more."""


class TrainingRun:
    """One run: `advance` does one update, `state_dict` has all that the next one depends on.

    Args:
        spec: what to train; its plugins must be installed.
    """

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.step = 0
        self.started = False
        self.outcome: Outcome | None = None
        self.task: Task = registry.construct("task", spec.task.name, dict(spec.task.options))
        self.clipper: Clipper = registry.construct(
            "clipper", spec.clipper.name, dict(spec.clipper.options)
        )
        self.model = build_model(spec, self.task)
        self.parameters = FlatParameters(self.model)
        norms = spec.probe_interval > 0
        self.backend_reason = self.model.backend_reason
        """Why not all of it uses the fastest backend, unless it does or another was asked for."""
        kernel = None
        if self.model.backend == "compiled":
            try:
                kernel = load_update_kernel(self.parameters.flat.dtype)
            except NotBuilt as why:
                self.backend_reason = f"torch runs what surrounds the cells: {why}"
        self.passes = Passes(self.model, self.parameters, self.task, norms, kernel)
        if kernel and self.passes.by_autograd:
            self.backend_reason = f"torch runs what surrounds the cells: {self.passes.by_autograd}"
        self.updating = Updating(spec.optimizer, self.parameters.flat, kernel)
        self.range = NormalRange(self.parameters.flat.dtype, self.parameters.count)
        self.clipper_state = self.parameters.detached(
            self.clipper.initial_state(self.parameters.values)
        )
        self.evaluation = Evaluation(spec, self.task)
        self.held_out = HeldOut(spec, self.task, self.evaluation.sets)
        batch_size, seen = spec.training.batch_size, self.held_out.seen
        self.data = TrainingData(self.task, spec.seed, batch_size, seen)
        self.probe = Probe(spec, self.task, self.model) if norms else None
        self.training_flow = TrainingFlow()
        self.window = Window()
        self.best_weights = BestWeights(self.model, self.parameters)
        self.carried: list[State] | None = None
        self.skipped = 0
        self.idle_since: int | None = None
        """First of the latest logged updates that moved no parameter for no apparent reason."""
        self.seconds = self.statistics_seconds = 0.0
        self.preparation_seconds = 0.0
        """Of `seconds`, what passed before the first update: evaluation, probe, new kernels."""
        self.log_every = log_interval(spec.training.steps)
        """Updates between two log lines."""

    def advance(self) -> UpdateReport:
        """Do one update (before the first: only measure) and report what it produced."""
        began = time.perf_counter()
        metrics = self._update() if self.started else {}
        self.started = True
        arrays: Mapping[str, Tensor] = {}
        if self.outcome is None:
            ended = self._budget_spent(began)
            if ended or self.step % self.spec.training.evaluate_every == 0:
                metrics |= self.evaluation.measure(self.model, self.step)
                if self.spec.training.stop_when_solved and self.evaluation.solved:
                    ended = "solved"
                if self.evaluation.improved:
                    self.best_weights.keep()
            if self.probe and (ended or self.probe.is_due(self.step)):
                taken = time.perf_counter()
                probed, arrays = self.probe.measure(self.step, bool(ended))
                trained, flow = self.training_flow.take(self.model.states)
                metrics |= probed | trained
                arrays = {**arrays, **flow}
                self.statistics_seconds += time.perf_counter() - taken
            if ended:
                self.outcome = self._ended(ended)
                metrics |= self._test()
        self.seconds += time.perf_counter() - began
        if self.step == 0:
            self.preparation_seconds = self.seconds
        return UpdateReport(self.step, metrics, arrays, self.outcome)

    def _ended(self, name: OutcomeName) -> Outcome:
        # with `skip` and `zero` a run may reach its end with weights that predict only NaN
        if not math.isfinite(self.evaluation.latest["loss"]):
            return Outcome("diverged", self.step, "loss of the evaluation")
        return Outcome(name, self.step)

    def _test(self) -> dict[str, float]:
        """Return what is measured once, unless the weights predict only NaN."""
        if self.outcome is None or self.outcome.name == "diverged":
            return {}
        best = self.evaluation.best
        return self.held_out.measure(self.model, self.best_weights, best, self.step)

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """Return the model's `state_dict` as it is (`last`) and at its best evaluation (`best`)."""
        return self.best_weights.states()

    def _update(self) -> dict[str, float]:
        batch, continues = self.data.batch(self.step)
        self.model.draw("training", self.step)
        self.step += 1
        told = f"training batch {self.step - 1}"
        forward, loss = self.passes.run(batch, self.carried if continues else None, told)
        if isinstance(self.task, StreamTask):
            # copied, because it is a view of every state of the window
            self.carried = [tuple(s.clone() for s in state) for state in forward.final]
        self.window.add_loss(loss)
        norm = self.updating.norm()
        gradients = self._finite_gradients(norm, loss, forward)
        if self.probe:
            self.training_flow.add(forward.layers)
        logs = self.outcome is not None or self.step % self.log_every == 0
        before = self.parameters.flat.detach().clone() if logs else None
        if gradients is not None:
            self._apply(gradients, norm)
        if not logs and self.outcome is None and self.step != self.spec.training.steps:
            return {}
        metrics = self.window.metrics() | self._training_metrics(forward, batch, told)
        self.window = Window()
        if before is not None:
            after = self.parameters.flat.detach()
            metrics[UPDATE_RATIO.key] = update_ratio(before, after)
            if gradients is not None:
                self._look_for_idleness(before, after, norm)
        return metrics

    def _look_for_idleness(self, before: Tensor, after: Tensor, norm: float) -> None:
        """Remember since when no logged update moves a parameter, though there is a gradient."""
        if norm == 0 or not torch.equal(before, after):
            self.idle_since = None
        elif self.idle_since is None:
            self.idle_since = self.step

    def _finite_gradients(self, norm: float, loss: float, forward: Forward) -> Gradients | None:
        """Return the gradients under the run's non-finite policy; None: make no update."""
        gradients = self.parameters.gradients
        # the squares of finite numbers may overflow
        if math.isfinite(norm) or is_finite(gradients.flat):
            self.skipped = 0
            return gradients
        self.window.nonfinite += count_elements(gradients).nonfinite
        policy = self.spec.training.nonfinite
        self.skipped += 1
        if policy == "raise" or self.skipped >= HOPELESS:
            where = (
                divergence.locate_gradient(gradients)
                if math.isfinite(loss)
                else divergence.locate_in_forward(self.model, forward)
            )
            self.outcome = Outcome("diverged", self.step, where)
            return None
        if policy == "skip":
            self.window.skipped += 1
            return None
        return elementwise(gradients, lambda g: g.nan_to_num(0.0, 0.0, 0.0))

    def _apply(self, gradients: Gradients, norm: float) -> None:
        scale = self._scale(norm)
        if scale is None:
            self._clip(gradients, norm)
        else:
            self.window.add_clip(norm, norm * scale, scale != 1, self.spec.optimizer.lr)
        if not self.updating.step(1.0 if scale is None else scale):
            where = divergence.first_nonfinite(self.parameters.named.items())
            self.outcome = Outcome("diverged", self.step, where)

    def _scale(self, norm: float) -> float | None:
        """Return the factor on all gradients, if the clipper only multiplies by one."""
        given = self.clipper.scale_of_norm(norm) if math.isfinite(norm) else None
        if given is None:
            return None
        try:
            scale = float(given)
        except (TypeError, ValueError):
            scale = math.nan
        if not 0 <= scale < math.inf:
            raise ContractViolation(
                f"{type(self.clipper).__name__}.scale_of_norm must be a finite number >= 0, "
                f"got {given!r}."
            )
        # otherwise the factor, or elements of the result, would be flushed to zero
        return scale if self.range.holds_product(norm, scale) else None

    def _clip(self, gradients: Gradients, norm: float) -> None:
        with torch.no_grad():
            clipped, state, report = self.clipper.clip(
                gradients, self.parameters.values, self.clipper_state
            )
            self.clipper_state = self.parameters.detached(state)
            self.parameters.set_gradients(clipped)
        before, after = float(report.grad_norm), float(report.clipped_grad_norm)
        if not (self.range.holds_norm(after) and self.range.holds_norm(before)):
            # what a clipper calculates need not be what results
            before = float(joint_norm(gradients)) if self.skipped else norm
            after = self.updating.norm()
        self.window.add_clip(before, after, bool(report.clipped), self.spec.optimizer.lr)

    def _training_metrics(self, forward: Forward, batch: Batch, told: str) -> dict[str, float]:
        measured = scored.metrics(self.task, forward.outputs, batch, told)
        return {TRAIN_METRIC.named(name): value for name, value in measured.items()}

    def _budget_spent(self, began: float) -> OutcomeName | None:
        if self.step >= self.spec.training.steps:
            return "finished"
        limit = self.spec.training.max_seconds
        if limit is not None and self.seconds + time.perf_counter() - began >= limit:
            return "time_limit"
        return None

    def state_dict(self) -> dict[str, Any]:
        """Return everything the next update depends on, between two calls of `advance`."""
        return {
            "windows": WINDOWS,
            "step": self.step,
            "started": self.started,
            "outcome": None if self.outcome is None else asdict(self.outcome),
            "parameters": self.parameters.flat.detach().clone(),
            "best": self.best_weights.flat,
            "optimizer": self.updating.state_dict(),
            "clipper": {name: value.clone() for name, value in self.clipper_state.items()},
            "evaluation": self.evaluation.state_dict(),
            "held_out": self.held_out.state_dict(),
            "window": self.window.state_dict(),
            "training_flow": self.training_flow.state_dict(),
            "carried": None if self.carried is None else [tuple(s) for s in self.carried],
            "skipped": self.skipped,
            "idle_since": self.idle_since,
            "seconds": self.seconds,
            "statistics_seconds": self.statistics_seconds,
            "preparation_seconds": self.preparation_seconds,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly where `state_dict` was taken."""
        self.model.check_windows(state.get("windows"))
        self.step, self.started = state["step"], state["started"]
        self.outcome = None if state["outcome"] is None else Outcome(**state["outcome"])
        self.best_weights.flat, self.carried = state["best"], state["carried"]
        with torch.no_grad():
            self.parameters.flat.copy_(state["parameters"])
        self.updating.load_state_dict(state["optimizer"])
        self.clipper_state = dict(state["clipper"])
        self.evaluation.load_state_dict(state["evaluation"])
        self.held_out.load_state_dict(state.get("held_out"))
        self.window = Window.from_state(state["window"])
        self.training_flow.load_state_dict(state["training_flow"])
        # checkpoints of earlier versions lack the second, and the third of the next line
        self.skipped, self.idle_since = state["skipped"], state.get("idle_since")
        self.seconds, self.statistics_seconds = state["seconds"], state["statistics_seconds"]
        self.preparation_seconds = state.get("preparation_seconds", 0.0)
