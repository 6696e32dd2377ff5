"""The network: embedding or input, recurrent layers, read-out."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from bptt import registry
from bptt.batches import scored
from bptt.contracts import Batch, PointwiseCell, State, Task, Tokens
from bptt.errors import NotPossible
from bptt.kernels import Runner, Unrolled
from bptt.network.layers import Stack
from bptt.network.overlap import Overlap, overlap
from bptt.seeding import stream_seed
from bptt.settings import read_settings
from bptt.spec import EMBEDDING_SIZE, HIGHWAY_BIAS, RunSpec

WINDOWS = "from the end"
"""Where windows of truncated BPTT are counted from; earlier checkpoints lack it."""

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Forward:
    """One pass over a batch."""

    outputs: Tensor
    """(time, batch, output_size), or (batch, output_size) for a task that reads the last step."""
    layers: list[dict[str, Unrolled]]
    """What each layer's cell did, by direction; if windows overlap, over each of them."""
    whole: list[dict[str, Unrolled]] | None = None
    """The same over the whole sequences, without a graph, if windows overlap."""
    to_inputs: Tensor | None = None
    """Gradient to what the first layer read, (time, batch, features), after both passes, if
    `Passes` was asked for it; where windows overlap, (steps, windows, features)."""

    @property
    def final(self) -> list[State]:
        """The forward cell's last state of each layer, without its graph."""
        whole = self.whole or self.layers
        return [tuple(s.detach() for s in layer["forward"].final) for layer in whole]


class Model(nn.Module):
    """Embedding or input -> layers -> read-out, for one task.

    Raises:
        ValueError: a bidirectional model for a causal task, or with overlapping windows; windows
            farther apart than they are long; a skip connection without a layer for it.
    """

    def __init__(self, spec: RunSpec, task: Task) -> None:
        super().__init__()
        shape = spec.model
        if shape.bidirectional and task.causal:
            raise ValueError(
                f"model.bidirectional does not work with the causal task {spec.task.name!r}: the "
                "backward cell would read the very inputs the model has to predict"
            )
        if fault := spec.training.fault_of_windows(shape.bidirectional):
            raise ValueError(f"training.truncation_every {fault}")
        self.reads = task.reads
        self._seed = spec.seed
        self.bidirectional = shape.bidirectional
        self.truncation = spec.training.truncation
        self.overlap = spec.training.overlap
        self.embedding: nn.Embedding | None = None
        features = task.inputs.size
        if isinstance(task.inputs, Tokens):
            features = shape.embedding_size or EMBEDDING_SIZE
            self.embedding = nn.Embedding(task.inputs.size, features)
        options = dict(spec.cell.options)
        self.stack = Stack(
            lambda size: registry.construct_cell(spec.cell.name, options, size, shape.hidden_size),
            features,
            shape.hidden_size,
            layers=shape.layers,
            bidirectional=shape.bidirectional,
            skip=shape.skip,
            highway_bias=HIGHWAY_BIAS if shape.highway_bias is None else shape.highway_bias,
        )
        for layer in self.stack.each_layer():
            for cell in layer.by_direction().values():
                cell.reset_parameters(task.horizon)
        self.read_out = nn.Linear(self.stack.output_size, task.output_size)
        self._drawing = [
            (f"{number}/{direction}", cell)
            for number, layer in enumerate(self.stack.each_layer())
            for direction, cell in layer.by_direction().items()
            if isinstance(cell, PointwiseCell)
        ]

    def check_windows(self, windows: str | None) -> None:
        """Check that a checkpoint counts windows of truncated BPTT as this model does.

        Raises:
            NotPossible: it does not; what follows would belong to a different run.
        """
        if self.truncation is not None and windows != WINDOWS:
            raise NotPossible(
                "This run began with windows of training.truncation counted from the beginning of "
                "a sequence; they are counted from its end now. Submit it again: it is another run."
            )

    def run_by(self, backend: str, gradient_norms: bool = False) -> None:
        """Make a backend run every cell, and build what that needs now.

        Args:
            backend: as `BPTT_BACKEND`.
            gradient_norms: see `Layer.run_by`.

        Raises:
            InvalidSetting: it cannot run one of the cells.
        """
        for layer in self.stack.each_layer():
            layer.run_by(backend, gradient_norms)
            for cell, runner in zip(layer.by_direction().values(), layer.runners, strict=True):
                runner.prepare(cell, self.read_out.weight.dtype)

    def draw(self, stream: str, index: int = 0) -> None:
        """Have cells that draw random numbers draw those of a stream.

        Args:
            stream: what for, `training`, `evaluation` or `probe`.
            index: of the update.
        """
        for place, cell in self._drawing:
            cell.draws.of = (self._seed, f"{stream}/{place}", index)

    @contextmanager
    def drawing_in(self, windows: Overlap) -> Iterator[None]:
        """Have a step of a window draw what the same step of its sequence draws."""
        with ExitStack() as stack:
            for _, cell in self._drawing:
                stack.enter_context(cell.draws.at(windows.sequence, windows.begins))
            yield

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states of its cells."""
        (first, *_) = next(iter(self.stack.each_layer())).by_direction().values()
        return first.states

    @property
    def backend(self) -> str:
        """What runs the cells over time."""
        return ", ".join(sorted({runner.backend for runner in self._runners()}))

    @property
    def backend_reason(self) -> str:
        """Why that is not the fastest backend, unless it is or was asked for."""
        return "; ".join(sorted({runner.reason for runner in self._runners()} - {""}))

    def _runners(self) -> list[Runner]:
        return [runner for layer in self.stack.each_layer() for runner in layer.runners]

    def windows(self, batch: Batch) -> Overlap | None:
        """Return the windows that losses are propagated back through; None: they do not overlap.

        They do not if there is only one loss, or if one window holds all steps.
        """
        if self.overlap is None or self.reads == "last" or not self.truncation:
            return None
        time, size = batch.inputs.shape[:2]
        if time <= self.truncation:
            return None
        return overlap(time, size, batch.lengths, self.truncation, self.overlap)

    def over_all(self, batch: Batch, initial: list[State] | None) -> list[dict[str, Unrolled]]:
        """Return what each layer does over the whole sequences, without a graph."""
        with torch.no_grad():
            _, layers = self.stack(self._embedded(batch.inputs), batch.lengths, initial)
        return cast(list[dict[str, Unrolled]], layers)

    def _embedded(self, x: Tensor) -> Tensor:
        return self.embedding(x) if self.embedding is not None else x.to(self.read_out.weight.dtype)

    def forward(self, batch: Batch, initial: list[State] | None = None) -> Forward:
        windows = self.windows(batch) if torch.is_grad_enabled() else None
        if windows:
            whole = self.over_all(batch, initial)
            x = self._embedded(windows.cut(batch.inputs))
            start = windows.initial(self.stack, whole, initial)
            with self.drawing_in(windows):
                outputs, layers = self.stack(x, windows.lengths, start)
            return Forward(self._joined([windows.pick(y) for y in outputs]), layers, whole)
        x = self._embedded(batch.inputs)
        outputs, layers = self.stack(x, batch.lengths, initial, self.truncation)
        if self.reads == "last" and self.stack.skip == "none":
            # the same numbers, without a gradient of zeros for every other step
            outputs = [cell.final[0] for cell in layers[-1].values()]
        elif self.reads == "last":
            outputs = [self._last(y, batch.lengths) for y in outputs]
        return Forward(self._joined(outputs), layers)

    def _joined(self, outputs: list[Tensor]) -> Tensor:
        joined = torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0]
        return cast(Tensor, self.read_out(joined))

    def _last(self, y: Tensor, lengths: Tensor | None) -> Tensor:
        """Return each direction's output after its last valid step, (batch, width)."""
        last = y[-1] if lengths is None else y[lengths - 1, torch.arange(y.shape[1])]
        if not self.bidirectional:
            return last
        half = y.shape[-1] // 2
        # the backward cell ends at the first position
        return torch.cat([last[:, :half], y[0, :, half:]], dim=-1)


def build_model(spec: RunSpec, task: Task) -> Model:
    """Return the model of a run with its initial weights, drawn from the run's own stream.

    Raises:
        InvalidSetting: the backend that `BPTT_BACKEND` asks for cannot run its cells.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(spec.seed, "init"))
        model = Model(spec, task).to(DTYPES[spec.training.dtype])
    model.run_by(read_settings().backend, gradient_norms=spec.probe_interval > 0)
    return model


def mean_loss(task: Task, outputs: Tensor, batch: Batch, of: str = "") -> Tensor:
    """Return the task's loss averaged over the positions that count, without axes.

    Args:
        task: whose loss it is.
        outputs: what the model predicts.
        batch: what it should predict.
        of: the name of the batch, for errors about its losses.
    """
    losses = scored.losses(task, outputs, batch, of)
    if batch.mask is None or task.reads == "last":
        return losses.mean()
    return torch.where(batch.mask, losses, 0.0).sum() / batch.mask.sum()
