"""What the points of a grid need: operations, seconds on a reference machine, memory.

A weight of a recurrent layer takes part in one multiplication and one addition per position of a
sequence going forward, and in twice as many going back. So an update costs 6 W T B floating-point
operations (W weights, T positions, B sequences) and an evaluation 2 W T E for its E sequences. W is
that of the cell at a small size, scaled to the layer's, with the weights that read the input scaled
separately; the read-out is added, at every position or the last. Overlapping windows of truncated
BPTT are run again, each forward and back, after a forward pass over the whole. These operations are
what is counted and reported; how long they take, and everything else, is modelled in `cost`.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from bptt.optimizers import OptimizerSpec
from bptt.run_file.consistency import Trial
from bptt.run_file.contents import PART, Row, SectionContent
from bptt.run_file.cost import Cost, cost
from bptt.run_file.dimensions import Dimensions, dimensions
from bptt.run_file.memory import Memory, memory
from bptt.spec import ModelSpec, StatisticsSpec, TrainingSpec

COUNTING = (
    *("task", "cell", "clipper", "model", "optimizer", "training", "statistics", "evaluation"),
)


class CostEstimate:
    """The models, applied to the points of one grid; equal points are counted once.

    Args:
        trial: tasks and cells as tried.
        tables: the contents of every section, before models were completed.
    """

    def __init__(self, trial: Trial, tables: Mapping[str, Sequence[SectionContent]]) -> None:
        self._trial, self._tables = trial, tables
        # a learning rate changes no size
        kinds: dict[type, int] = {}
        self._optimizers = [
            kinds.setdefault(type(content.value), number)
            for number, content in enumerate(tables["optimizer"])
        ]
        self._costs: dict[Row, Cost] = {}
        self._flops: dict[Row, float] = {}
        self._memories: dict[Row, Memory] = {}

    def sizes(self, raw: Row) -> Dimensions:
        """Return the sizes of a point, with the model as written in the file."""
        task, cell, model = (raw[PART[name]] for name in ("task", "cell", "model"))
        training, statistics, optimizer = (
            self._tables[name][raw[PART[name]]].value
            for name in ("training", "statistics", "optimizer")
        )
        complete: ModelSpec = self._trial.models[self._trial.completed[task, model]]
        return dimensions(
            self._trial.tasks[task],
            self._trial.extents[task],
            self._trial.cells[cell, model],
            complete,
            cast(TrainingSpec, training),
            cast(StatisticsSpec, statistics),
            cast(OptimizerSpec, optimizer),
            self._trial.others[task, raw[PART["evaluation"]]],
        )

    def flops(self, raw: Row) -> float:
        """Return the floating-point operations of a point that trains for all its updates."""
        key = self._key(raw)
        if key not in self._flops:
            self._flops[key] = run_flops(self.sizes(raw))
        return self._flops[key]

    def cost(self, raw: Row) -> Cost:
        """Return how long a point with all its updates takes on the reference machine."""
        key = self._key(raw)
        if key not in self._costs:
            whole = self._trial.whole_clips[raw[PART["clipper"]]]
            self._costs[key] = cost(self.sizes(raw), whole)
        return self._costs[key]

    def memory(self, raw: Row) -> Memory:
        """Return how much memory a point takes at its peak."""
        key = self._key(raw)
        if key not in self._memories:
            self._memories[key] = memory(self.sizes(raw))
        return self._memories[key]

    def _key(self, raw: Row) -> Row:
        numbers = [raw[PART[name]] for name in COUNTING]
        numbers[COUNTING.index("optimizer")] = self._optimizers[raw[PART["optimizer"]]]
        return tuple(numbers)


def run_flops(run: Dimensions) -> float:
    """Return the floating point operations of a whole run: all updates and evaluations."""
    steps, training = run.batch.steps, run.training
    read = run.read_out * (steps if run.reads_every else 1)
    forward = 2 * (run.recurrent * steps + read)
    sequences = 3 * training.steps * training.batch_size
    # what trains nothing is evaluated once
    total = forward * (sequences + max(run.evaluations, 1) * training.evaluation_size)
    for other in run.others.values():
        positions = other.steps * other.sequences
        predicted = positions if run.reads_every else other.sequences
        total += 2 * (run.recurrent * positions + run.read_out * predicted)
    if run.windows:
        # the states are computed forward only; the backward pass goes over each window
        again = 3 * run.windows.steps * run.windows.sequences - 2 * steps * run.batch.sequences
        total += training.steps * 2 * run.recurrent * again
    return total
