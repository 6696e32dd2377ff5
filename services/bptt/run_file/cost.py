"""How long a run takes on a reference machine: a model, fitted to measured updates.

An update consists of the products of its weights with states, the pointwise work of its steps,
drawing data, reading out, and work that does not depend on the sizes. Which of these dominates
depends on what runs the cells: a kernel, torch's operations step by step, or autograd. Evaluations,
probes and Jacobians count as often as they occur. The figures are for one core of an AMD EPYC with
AVX-512; other machines need a factor, which is measured (`bptt.api.pace`), and kernels another one
where vectors are narrower.
"""

import shutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from bptt.run_file.dimensions import Dimensions
from bptt.run_file.machine import has_wide_vectors
from bptt.settings import read_settings
from bptt.spec import JACOBIAN_BYTES

if TYPE_CHECKING:
    from bptt.contracts import Extent

Backend = Literal["compiled", "sequence", "autograd"]

FLOP = {"compiled": 1 / 190e9, "sequence": 1 / 90e9, "autograd": 1 / 70e9}
"""Seconds per operation of a product with weights."""
ELEMENT = {"compiled": 0.55e-9, "sequence": 3e-9, "autograd": 3e-9}
"""Seconds per preactivation of one unit in one step of one sequence, forward and back."""
NARROW_FLOP, NARROW_ELEMENT = 2.6, 1.4
"""How many times as long a kernel takes without AVX-512, apart from matrix products."""
STEP = {"compiled": 0.3e-6, "sequence": 90e-6, "autograd": 190e-6}
"""Seconds per step of a cell, whatever its size, forward and back."""
UPDATE = 45e-6
"""Seconds per update, whatever its sizes."""
BY_AUTOGRAD = 350e-6
"""Additional seconds where autograd runs the whole model."""
LAYER = 20e-6
POSITION = 8e-9
"""Seconds to draw one position of one sequence."""
LOOKED_UP = 1.5e-9
"""Seconds per feature of a token, forward and back."""
PREDICTED = 2.0e-9
"""Seconds per loss and output of the read-out, forward and back."""
PARAMETER = 0.7e-9
"""Seconds per parameter for clipping and optimiser."""
BY_TORCH = 90e-6
"""Additional seconds of an optimiser, or a clipper, that torch runs."""
EVALUATION = 250e-6
FORWARD = 0.45
"""Share of an update that a forward pass takes, per sequence."""
LINE = 250e-6
"""Seconds per line of the log."""
PROBE = 2.5e-3
SPECTRUM = 4e-9
"""Seconds of a probe per (units cubed) and recurrent block."""
TRIANGLE, TRIANGLE_ELEMENT = 55e-6, 0.5e-9
"""Seconds per step of the frame that goes back, and per (states cubed)."""
DOUBLE = 2.0
"""How many times as long as in float32."""
LINES = 300


@dataclass(frozen=True)
class Cost:
    """Seconds on the reference machine."""

    updates: float
    """All updates together, with what is done between them: evaluations, logs, statistics."""
    once: float
    """Before the first update: first evaluation, first probe."""
    may_stop: bool
    """Whether the run may end before its last update, solved."""


def cost(run: Dimensions, clips_whole: bool) -> Cost:
    """Return how long a run takes if it trains for all its updates.

    Args:
        run: its sizes.
        clips_whole: whether its clipper multiplies all gradients by one factor.
    """
    by = backend(run)
    steps = run.training.steps
    evaluation = sum(_measured(run, by, extent) for extent in run.evaluation.values())
    # the main test set twice, with the last weights and with the best
    tested = [*run.test.values(), run.test[""], *run.others.values()]
    probe = _probe(run, by)
    jacobian = _jacobian(run)
    probes = jacobians = 0
    takes_jacobians = run.probe is not None and run.statistics.jacobian_interval > 0
    if run.probe is not None:
        probes = -(-steps // run.probe_interval)
    if takes_jacobians:
        jacobians = -(-steps // run.statistics.jacobian_interval)
    return Cost(
        updates=steps * update_seconds(run, clips_whole)
        + run.evaluations * evaluation
        + sum(_measured(run, by, extent) for extent in tested)
        + min(steps, LINES) * LINE
        + probes * probe
        + jacobians * jacobian,
        # without an update, too
        once=evaluation + (run.probe is not None) * probe + takes_jacobians * jacobian,
        may_stop=run.training.stop_when_solved,
    )


def backend(run: Dimensions) -> Backend:
    """Return what will run the cells on a machine like this one."""
    wanted = read_settings().backend
    if not run.cell.is_pointwise or wanted == "autograd":
        return "autograd"
    return "compiled" if wanted != "sequence" and _compiler() else "sequence"


@cache
def _compiler() -> bool:
    return any(shutil.which(name.split()[0]) for name in read_settings().compilers if name.split())


def update_seconds(run: Dimensions, clips_whole: bool) -> float:
    """Return the seconds of one update."""
    by = backend(run)
    slow = DOUBLE if run.training.dtype == "float64" else 1.0
    seconds = slow * _pass(run, by, run.batch.steps, run.batch.sequences)
    if run.windows:
        seconds *= FORWARD
        seconds += slow * _pass(run, by, run.windows.steps, run.windows.sequences)
    by_hand = by == "compiled" and run.directions == 1 and run.model.skip == "none"
    seconds += UPDATE + LAYER * run.cells + (0 if by_hand else BY_AUTOGRAD)
    seconds += POSITION * run.batch.steps * run.batch.sequences
    seconds += PARAMETER * slow * run.parameters
    seconds += 0 if run.optimizer.is_compiled and by == "compiled" else BY_TORCH
    return seconds + (0 if clips_whole else BY_TORCH)


def _pass(run: Dimensions, by: Backend, steps: int, sequences: int) -> float:
    """Return the seconds of both passes over a batch in float32, excluding what surrounds them."""
    positions = steps * sequences
    predicted = positions if run.reads_every else sequences
    flops = 6 * (run.recurrent * positions + run.read_out * predicted)
    elements = positions * run.cells * run.model.hidden_size * run.cell.lanes
    flop, element = FLOP[by], ELEMENT[by]
    if by == "compiled" and not has_wide_vectors():
        flop, element = NARROW_FLOP * flop, NARROW_ELEMENT * element
    seconds = flops * flop + elements * element + steps * run.cells * STEP[by]
    seconds += predicted * run.task.output_size * PREDICTED
    if run.model.embedding_size:
        seconds += positions * run.features * LOOKED_UP
    return seconds


def _measured(run: Dimensions, by: Backend, extent: "Extent") -> float:
    """Return the seconds in which a model is measured on a set."""
    slow = DOUBLE if run.training.dtype == "float64" else 1.0
    return EVALUATION + FORWARD * slow * _pass(run, by, extent.steps, extent.sequences)


def _probe(run: Dimensions, by: Backend) -> float:
    if run.probe is None:
        return 0.0
    once = DOUBLE * _pass(run, by, run.probe.steps, run.probe.sequences)
    passes = 1 + (min(run.statistics.anchors, run.probe.steps) if run.reads_every else 0)
    spectra = run.cells * run.cell.recurrent_blocks * run.model.hidden_size**3 * SPECTRUM
    return PROBE * run.cells + passes * once + spectra


def _jacobian(run: Dimensions) -> float:
    if run.probe is None or not run.statistics.jacobian_interval:
        return 0.0
    size = run.cell.states * run.model.hidden_size
    steps = max(1, min(run.probe.steps, JACOBIAN_BYTES // (8 * size**2)))
    by_row = 0.0 if run.cell.is_pointwise else size * 250e-6
    return run.cells * (steps * (TRIANGLE + TRIANGLE_ELEMENT * size**3) + by_row)
