"""How much work a run is, by a model and not by a measurement.

A weight of a recurrent layer takes part in one multiplication and one addition per position of a
sequence, going forward, and in twice as many going back. So an update costs 6 W T B floating point
operations (W weights, T positions, B sequences) and an evaluation 2 W T E for its E sequences. W is
that of the cell at a small size, scaled to the layer's, what reads the input by itself; to this
comes the read-out, at every position or the last. The model knows nothing of pointwise work,
memory, launch costs, statistics, further evaluation sets or a run that is solved early: it orders
runs by size, and becomes seconds once it is multiplied by what a machine was measured to need.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from bptt.run_file.consistency import PerUnit, Trial
from bptt.run_file.contents import PART, Content, Row
from bptt.spec import ModelSpec, Section, TrainingSpec

if TYPE_CHECKING:
    from bptt.contracts import Task


class Estimate:
    """The model, applied to the points of one grid; equal points are counted once.

    Args:
        trial: tasks and cells as they were tried.
        tables: the contents of every section, before models were completed.
    """

    def __init__(self, trial: Trial, tables: Mapping[str, Sequence[Content]]) -> None:
        self._trial, self._tables = trial, tables
        self._positions: dict[tuple[int, int], int] = {}
        self._known: dict[Row, float] = {}

    def flops(self, raw: Row, sections: Mapping[str, Sequence[Section]], row: Row) -> float:
        """Return the floating point operations of a point that trains for all its updates.

        Args:
            raw: the point, its model as the file has it.
            sections: the contents that `row` counts.
            row: the point, its model complete.
        """
        counting = [PART[name] for name in ("task", "cell", "model", "training")]
        key = tuple(row[part] for part in counting)
        if key not in self._known:
            task_number, cell, model, training = (raw[part] for part in counting)
            task = self._trial.tasks[task_number]
            sizes = cast(TrainingSpec, sections["training"][training])
            where = task_number, sizes.batch_size
            if where not in self._positions:
                self._positions[where] = positions(task, sizes.batch_size)
            complete = cast(ModelSpec, sections["model"][row[PART["model"]]])
            tried = self._trial.cell_weights[cell, model]
            layers, read_out = weights(complete, task, tried)
            self._known[key] = run_flops(
                layers, read_out, task.reads == "every", self._positions[where], sizes
            )
        return self._known[key]


def positions(task: "Task", batch_size: int) -> int:
    """Return the time steps of one batch of the task, by drawing one."""
    from torch import Generator

    from bptt.contracts import StreamTask

    if isinstance(task, StreamTask):
        return task.window(0, batch_size)[0].inputs.shape[0]
    return task.sample(Generator().manual_seed(0), 1).inputs.shape[0]


def weights(model: ModelSpec, task: "Task", cell: PerUnit) -> tuple[float, int]:
    """Return the weights of all recurrent layers together and those of the read-out.

    Args:
        model: complete.
        task: gives the sizes of input and output.
        cell: what it has, as it was constructed at a small size.
    """
    hidden, directions = model.hidden_size, 2 if model.bidirectional else 1
    width = hidden * directions
    read = model.embedding_size or task.inputs.size
    recurrent = 0.0
    for layer in range(model.layers):
        # a dense skip reads everything below
        below = read + layer * width if model.skip == "dense" else (width if layer else read)
        recurrent += directions * hidden * (cell.by_input * below + cell.by_unit * hidden)
        if model.skip == "highway" and below == width:
            recurrent += width**2
    outputs = width * (model.layers if model.skip == "dense" else 1)
    return recurrent, outputs * task.output_size


def run_flops(
    recurrent: float, read_out: int, reads_every: bool, steps_of_time: int, training: TrainingSpec
) -> float:
    """Return the floating point operations of a whole run: all updates and evaluations."""
    forward = 2 * (recurrent * steps_of_time + read_out * (steps_of_time if reads_every else 1))
    evaluations = math.ceil(training.steps / training.evaluate_every)
    sequences = 3 * training.steps * training.batch_size + evaluations * training.evaluation_size
    return forward * sequences
