"""How much memory a run takes, by arithmetic, so that it is rejected before it allocates.

What is counted is what a run's process certainly holds at the same time: parameters, gradients,
moments and the best parameters so far; batches drawn together; every state of an update
and what the kernels keep of each step for the backward pass; the evaluation sets and the states of
their sequences; the float64 copy that is probed. Python, torch and plugins come on top.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bptt.run_file.dimensions import Dimensions
from bptt.spec import JACOBIAN_BYTES

if TYPE_CHECKING:
    from bptt.contracts import Extent

DOUBLE = 8
DRAWN_TOGETHER = 16
"""Batches that are drawn in one call."""
READ_AT_ONCE = 2**15
"""Positions of a text on which a model is measured."""
JACOBIANS = 4
"""Copies of them: of the steps, of their triangular factors, and of intermediate results."""
SAVED = 10
"""Copies of the parameters: gradients, the best so far, and those written at the end."""
OF_A_MOMENT = 3
BY_AUTOGRAD = 4
"""Tensors that autograd keeps per preactivation of a cell that no kernel runs."""
MARGIN = 0.8
"""The share of the count that a run is sure to take: a run is rejected only if even that exceeds
the limit. Over 21 runs of 30 MB to 1.2 GB the peak was 0.95 to 4.2 times what is counted."""


@dataclass(frozen=True)
class Memory:
    """Bytes of the parts of a run, named after what to make smaller."""

    weights: int
    data: int
    states: int
    evaluation: int
    statistics: int

    @property
    def total(self) -> int:
        return sum(asdict(self).values())

    @property
    def least(self) -> int:
        """What the run is sure to take."""
        # not a float, which it may exceed
        return self.total * int(MARGIN * 100) // 100


def memory(run: Dimensions) -> Memory:
    """Return what a run takes at its peak, part by part."""
    item = DOUBLE if run.training.dtype == "float64" else 4
    kept = [*run.evaluation.values(), *run.test.values()]
    measured = [*kept, *run.others.values()]
    sets = sum(run.extents.bytes(extent) for extent in kept)
    # one after the other
    sets += max((run.extents.bytes(extent) for extent in run.others.values()), default=0)
    evaluated = max(
        (_states(run, _at_once(run, extent), item, kept=None) for extent in measured), default=0
    )
    together = 1 if is_stream(run) else DRAWN_TOGETHER
    positions = run.batch.steps * run.batch.sequences
    jacobians = _jacobians(run)
    states = _states(run, positions, item, kept=None if run.windows else _kept(run))
    if run.windows:
        again = run.windows.steps * run.windows.sequences
        # the states that are read are picked out, and predicted once
        predicted = 2 * run.task.output_size * item * again
        states += _states(run, again, item, kept=_kept(run)) - predicted
    return Memory(
        weights=run.parameters * item * (SAVED + OF_A_MOMENT * run.optimizer.moments),
        data=together * run.extents.bytes(run.batch),
        states=states,
        # one after the other, and neither is kept
        evaluation=sets + (evaluated if evaluated >= jacobians else 0),
        statistics=_statistics(run) + (jacobians if jacobians > evaluated else 0),
    )


def _at_once(run: Dimensions, extent: "Extent") -> int:
    """Return how many positions of a set are read together."""
    positions = extent.steps * extent.sequences
    return min(positions, max(READ_AT_ONCE, extent.sequences)) if is_stream(run) else positions


def is_stream(run: Dimensions) -> bool:
    """Say whether batches are windows of one text, which are not drawn together."""
    from bptt.contracts import StreamTask

    return isinstance(run.task, StreamTask)


def _kept(run: Dimensions) -> int:
    """Return how many numbers a unit keeps per step for the backward pass, besides its states."""
    return run.cell.lanes - 1 if run.cell.is_pointwise else BY_AUTOGRAD * run.cell.lanes


def _states(run: Dimensions, positions: int, item: int, kept: int | None) -> int:
    """Return the bytes of the layers' inputs, states and what is kept for the backward pass."""
    of_cells = run.cells * run.model.hidden_size * (run.cell.states + (kept or 0))
    # both directions side by side, for the next layer
    of_cells += run.model.layers * run.width if run.directions == 2 else 0
    # token inputs are looked up; anything else that a layer reads is another's output
    read = run.features
    predicted = 2 * run.task.output_size if run.reads_every else 0
    back = run.width if kept is not None and run.reads_every else 0
    return positions * item * (of_cells + read + predicted + back)


def _statistics(run: Dimensions) -> int:
    if run.probe is None:
        return 0
    copies = 2 * DOUBLE * run.parameters
    positions = run.probe.steps * run.probe.sequences
    passes = _states(run, positions, DOUBLE, kept=_kept(run))
    return copies + passes


def _jacobians(run: Dimensions) -> int:
    if run.probe is None or not run.statistics.jacobian_interval:
        return 0
    step = DOUBLE * (run.cell.states * run.model.hidden_size) ** 2
    # as many of the last steps as fit; at least one
    return JACOBIANS * max(step, min(run.probe.steps * step, JACOBIAN_BYTES))
