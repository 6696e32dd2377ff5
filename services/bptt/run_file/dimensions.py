"""The sizes of one run, which determine its operations, memory and time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bptt.optimizers import OptimizerSpec
from bptt.run_file.extents import Extents
from bptt.spec import ModelSpec, StatisticsSpec, TrainingSpec, default_interval

if TYPE_CHECKING:
    from bptt.contracts import Extent, Task

POOL = 128
"""Sequences drawn for each one that a probe keeps, if their lengths differ."""


@dataclass(frozen=True)
class CellShape:
    """What a cell is made of, in a layer of any size."""

    by_input: float
    """Parameters per unit and feature of the input."""
    by_unit: float
    """Parameters per pair of units; includes those that exist once per unit."""
    states: int = 1
    lanes: int = 1
    """Preactivations of a unit."""
    is_pointwise: bool = False
    """Whether its step is pointwise, and may be compiled."""
    recurrent_blocks: int = 1


@dataclass(frozen=True)
class Dimensions:
    """One run."""

    task: "Task"
    extents: Extents
    batch: "Extent"
    """Of an update."""
    evaluation: "Mapping[str, Extent]"
    test: "Mapping[str, Extent]"
    """Measured on once, at the end."""
    others: "Mapping[int, Extent]"
    """Main test sets with other options of the task, one after the other."""
    probe: "Extent | None"
    """What the statistics are measured on; None: there are none."""
    cell: CellShape
    model: ModelSpec
    """Complete."""
    training: TrainingSpec
    statistics: StatisticsSpec
    optimizer: OptimizerSpec

    @property
    def windows(self) -> "Extent | None":
        """What an update recomputes with overlapping windows of truncated BPTT, if any."""
        from bptt.contracts import Extent

        every, length = self.training.overlap, self.training.truncation
        steps = self.batch.steps
        if every is None or length is None or length >= steps or not self.reads_every:
            return None
        count = 1 - (length - steps) // every
        return Extent(steps=length, sequences=count * self.batch.sequences)

    @property
    def reads_every(self) -> bool:
        return self.task.reads == "every"

    @property
    def directions(self) -> int:
        return 2 if self.model.bidirectional else 1

    @property
    def cells(self) -> int:
        """Cells of all layers and directions."""
        return self.model.layers * self.directions

    @property
    def width(self) -> int:
        """Features of the output of a layer."""
        return self.model.hidden_size * self.directions

    @property
    def features(self) -> int:
        """Features of the input that the first layer reads."""
        return self.model.embedding_size or self.task.inputs.size

    @property
    def inputs_of_layers(self) -> int:
        """Features that all layers together read."""
        layers, width = self.model.layers, self.width
        if self.model.skip == "dense":
            return layers * self.features + width * layers * (layers - 1) // 2
        return self.features + width * (layers - 1)

    @property
    def recurrent(self) -> float:
        """Weights of all recurrent layers and of the connections past them."""
        hidden, layers = self.model.hidden_size, self.model.layers
        by_input = self.cell.by_input * self.inputs_of_layers * hidden * self.directions
        by_unit = self.cell.by_unit * hidden * hidden * self.directions * layers
        carries = 0
        if self.model.skip == "highway":
            carries = layers - (self.features != self.width)
        return by_input + by_unit + carries * self.width**2

    @property
    def read_out(self) -> int:
        """Weights of the read-out."""
        outputs = self.width * (self.model.layers if self.model.skip == "dense" else 1)
        return outputs * self.task.output_size

    @property
    def parameters(self) -> int:
        """All of them, to the nearest integer."""
        embedded = self.task.inputs.size * self.features if self.model.embedding_size else 0
        return int(self.recurrent) + self.read_out + embedded

    @property
    def probe_interval(self) -> int:
        """Updates between probes; 0: none."""
        given = self.statistics.interval
        return default_interval(self.training.steps) if given is None else given

    @property
    def evaluations(self) -> int:
        """At most, not counting the one before the first update."""
        return -(-self.training.steps // self.training.evaluate_every)


def dimensions(
    task: "Task",
    extents: Extents,
    cell: CellShape,
    model: ModelSpec,
    training: TrainingSpec,
    statistics: StatisticsSpec,
    optimizer: OptimizerSpec,
    others: Sequence[Extents] = (),
) -> Dimensions:
    """Return the sizes of a run.

    Raises:
        ValueError: according to the task there can be no batch of this size.
    """
    probed = statistics.interval != 0
    return Dimensions(
        task,
        extents,
        batch=extents.training(training.batch_size),
        evaluation=extents.evaluation(training.evaluation_size),
        test=extents.test(training.evaluation_size),
        others={n: one.test(training.evaluation_size)[""] for n, one in enumerate(others)},
        probe=extents.drawn(statistics.sequences) if probed else None,
        cell=cell,
        model=model,
        training=training,
        statistics=statistics,
        optimizer=optimizer,
    )
