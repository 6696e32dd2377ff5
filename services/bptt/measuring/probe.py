"""The gradient through time, measured on a frozen float64 copy of the model."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from bptt.batches import scored
from bptt.batches.data import probe_batch
from bptt.contracts import Task
from bptt.errors import ContractViolation
from bptt.kernels import Unrolled
from bptt.kernels.autograd import StepByStep
from bptt.measuring.cell_at_work import Place
from bptt.measuring.decay import fit_decay
from bptt.measuring.gates import keep_timescale, keep_value
from bptt.measuring.lag import mean_lag_curve
from bptt.network.divergence import readable
from bptt.network.model import Model, mean_loss
from bptt.network.overlap import Overlap
from bptt.network.parameters import FlatParameters
from bptt.network.passes import Passes
from bptt.norms import frobenius_norm, group_norms
from bptt.settings import read_settings
from bptt.spec import RunSpec

CALLED = "batch of the statistics"
FLOAT32_TINY = torch.finfo(torch.float32).tiny
"""Smallest normal float32: training flushes to zero what is below."""


class Probe:
    """Takes every gradient statistic of a model on one fixed batch.

    In float64, because at a spectral radius of 0.58 a float32 gradient is gone after 160 steps,
    while its decay is what one wants to see. Names and shapes are in docs/statistics.md.

    Args:
        spec: which statistics are taken, and how often.
        task: whose loss it is.
        model: the run's, whose parameters stay where they are.
    """

    def __init__(self, spec: RunSpec, task: Task, model: Model) -> None:
        self._task = task
        self._model = model
        self._spec = spec.statistics
        self._interval = spec.probe_interval
        sequences = spec.statistics.sequences
        batch = probe_batch(task, spec.seed, sequences)
        self._batch = replace(batch, inputs=_doubled(batch.inputs), targets=_doubled(batch.targets))
        self._frozen: Frozen | None = None

    def is_due(self, step: int) -> bool:
        """Say whether statistics are to be taken after update `step`."""
        return step % self._interval == 0 or self._jacobians_are_due(step)

    def measure(self, step: int, last: bool) -> tuple[dict[str, float], Mapping[str, Tensor]]:
        """Return metrics and arrays of the model after update `step`, the run's last or not."""
        if self._frozen is None:
            self._frozen = Frozen(self._model, self._task)
        self._frozen.follow()
        metrics, arrays, places = self._flow(self._frozen)
        if self._task.reads == "every":
            arrays |= self._lag(self._frozen.model)
        else:
            time = self._batch.inputs.shape[0]
            arrays |= {"anchors": torch.tensor([time - 1.0], dtype=torch.float64)}
            arrays |= {
                name.replace("flow", "lag", 1): _as_lag(curve, "/backward/" in name)
                for name, curve in arrays.items()
                if name.startswith("flow/")
            }
        for place in places:
            arrays |= place.gates() | place.spectrum()
            if self._jacobians_are_due(step) or (last and self._spec.jacobian_interval):
                arrays |= place.jacobians(self._spec.lyapunov_exponents)
        top = next(p for p in reversed(places) if p.direction == "forward")
        return metrics | _summary(arrays, top), arrays

    def _jacobians_are_due(self, step: int) -> bool:
        interval = self._spec.jacobian_interval
        return interval > 0 and step % interval == 0

    def _flow(self, frozen: "Frozen") -> tuple[dict[str, float], dict[str, Tensor], list[Place]]:
        """Return the norm of dL/ds_t of every state, and of the parameters' gradients by layer."""
        forward, _ = frozen.passes.run(self._batch, None, CALLED)
        places = list(_places(frozen.model, forward.whole or forward.layers))
        if forward.whole:
            arrays = self._flow_over_windows(frozen.model, places)
        else:
            arrays = {
                f"flow{key}": norms
                for place in places
                for key, norms in place.norms_by_position().items()
            }
        vanished = torch.cat(list(arrays.values()))
        vanished = (vanished > 0) & (vanished < FLOAT32_TINY)
        metrics = {"grad/subnormal": float(vanished.sum())}
        parameters = frozen.parameters
        for kind, tensors in (("grad", parameters.gradients), ("weight", parameters.values)):
            norms = group_norms(tensors, frozen.group_of.__getitem__)
            metrics |= {f"layer/{group}_{kind}_norm": norm for group, norm in norms.items()}
        return metrics, arrays, places

    def _flow_over_windows(self, frozen: Model, places: list[Place]) -> dict[str, Tensor]:
        """Return the norm of dL/ds_t, which is added up over all windows that hold s_t."""
        forward = frozen(self._batch)
        windows = cast(Overlap, frozen.windows(self._batch))
        loss = mean_loss(self._task, forward.outputs, self._batch, CALLED)
        arrays = {}
        for place in places:
            # what autograd runs has a node for each state
            did = cast(StepByStep, forward.layers[place.layer][place.direction])
            for index, name in enumerate(place.cell.states):
                to = torch.autograd.grad(
                    loss, did.states_of(index), retain_graph=True, materialize_grads=True
                )
                total = windows.add_up(torch.stack(to))
                arrays[place.key("flow", name)] = frobenius_norm(total, kept_axes=1)
        return arrays

    def _lag(self, frozen: Model) -> dict[str, Tensor]:
        """Return the norm of dL_t/ds_(t-k) for losses L_t spread over the sequence."""
        forward = frozen(self._batch)
        windows = frozen.windows(self._batch)
        places = list(_places(frozen, forward.layers))
        losses = scored.losses(self._task, forward.outputs, self._batch, CALLED)
        counts = torch.ones_like(losses) if self._batch.mask is None else self._batch.mask.double()
        counted = counts.sum(1).nonzero().flatten()
        if not len(counted):
            raise ContractViolation(
                f"{type(self._task).__name__}.sample must mark positions that count in the loss; "
                "its mask has none."
            )
        spread = torch.linspace(0, len(counted) - 1, min(self._spec.anchors, len(counted)))
        anchors = counted[spread.round().long()].tolist()
        weights = [p for p in frozen.parameters() if p.numel() > 0]
        time = self._batch.inputs.shape[0]
        arrays = {"anchors": torch.tensor(anchors, dtype=torch.float64)}
        for row, t in enumerate(anchors):
            for place in places:
                place.unrolled.forget_norms()
            loss = torch.where(counts[t] > 0, losses[t], 0.0).sum() / counts[t].sum()
            # the norms come along; a graph that no weight is part of has none
            torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
            for place in places:
                for key, norms in place.norms_by_position().items():
                    empty = torch.full((len(anchors), time), torch.nan, dtype=torch.float64)
                    # what a cell that reads backwards has seen lies at later positions
                    if place.direction == "backward":
                        past = norms[t:]
                    else:
                        seen = t + 1 - (windows.first_step(t) if windows else 0)
                        past = norms[:seen].flip(0)
                    arrays.setdefault(f"lag{key}", empty)[row, : len(past)] = past
        return arrays


class Frozen:
    """A float64 copy of a model, and what takes its gradients.

    Args:
        model: the run's.
        task: whose loss it is.
    """

    def __init__(self, model: Model, task: Task) -> None:
        self.model = copy.deepcopy(model).double()
        # where windows overlap, what counts is the gradient to a state over all of them
        backend = "autograd" if model.overlap else read_settings().backend
        self.model.run_by(backend, gradient_norms=True)
        self.parameters = FlatParameters(self.model)
        self.passes = Passes(self.model, self.parameters, task, gradient_norms=True)
        self.group_of = {name: _group(name) for name in self.parameters.named}
        self._pairs = list(zip(self.model.parameters(), model.parameters(), strict=True))

    def follow(self) -> None:
        """Take over the parameters as they are now."""
        with torch.no_grad():
            for ours, theirs in self._pairs:
                ours.copy_(theirs)


def _doubled(values: Tensor) -> Tensor:
    return values.double() if values.is_floating_point() else values


def _places(model: Model, layers: list[dict[str, Unrolled]]) -> Iterator[Place]:
    for number, (layer, did) in enumerate(zip(model.stack.each_layer(), layers, strict=True)):
        for direction, cell in layer.by_direction().items():
            yield Place(number, direction, cell, did[direction])


def _group(parameter: str) -> str:
    name = readable(parameter)
    return name.split(" of layer ")[1].split()[0] if " of layer " in name else name.split(".")[0]


def _as_lag(curve: Tensor, backward: bool) -> Tensor:
    """Turn norms by position into norms by lag from the one loss, (1, time)."""
    return (curve if backward else curve.flip(0)).unsqueeze(0)


def _summary(arrays: Mapping[str, Tensor], top: Place) -> dict[str, float]:
    """Return the scalars that MLflow compares, of the top layer's forward cell."""
    anchors = [int(t) for t in arrays["anchors"]]
    # all states together: an LSTM's gradient travels through c, a GRU's through h
    by_state = [mean_lag_curve(arrays[top.key("lag", state)], anchors) for state in top.cell.states]
    curve = frobenius_norm(torch.stack(by_state, dim=-1), kept_axes=1)
    # at lag 0 the read-out alone speaks
    decay = fit_decay(curve, first_lag=1)
    metrics = {
        "flow/slope": decay.slope,
        "flow/half_life": decay.half_life,
        "flow/horizon": decay.horizon,
        "flow/ratio": decay.ratio,
    }
    blocks = [value for name, value in arrays.items() if name.startswith("spectrum/")]
    if blocks:
        radius, singular, error = torch.stack(blocks).amax(0).tolist()
        metrics |= {
            "recurrent/spectral_radius": radius,
            "recurrent/singular_max": singular,
            "recurrent/orthogonality_error": error,
        }
    if top.key("lyapunov") in arrays:
        metrics["lyapunov/le1"] = float(arrays[top.key("lyapunov")][0])
        metrics["lyapunov/sum"] = float(arrays[top.key("lyapunov_sum")])
    for gate, role in top.cell.gates.items():
        if top.key("gate", gate) in arrays:
            mean, closed, opened = arrays[top.key("gate", gate)].tolist()
            metrics |= {f"gate/{gate}_mean": mean, f"gate/{gate}_saturated": closed + opened}
            keeps = role == "keep" or (role == "write" and "keep" not in top.cell.gates.values())
            if keeps:
                kept = keep_value(torch.tensor(mean, dtype=torch.float64), role)
                metrics |= {
                    "gate/keep_mean": float(kept),
                    "gate/keep_timescale": keep_timescale(kept),
                }
    return metrics
