"""How far the time of an update is from what the processor could do at most."""

import ctypes
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.cells import head, table_row
from benchmarks.interleaving import Update, digits, processor_times, ratios, spread
from benchmarks.part import Found, Part
from benchmarks.plain_script import BATCH, GATES
from benchmarks.updates import make_run
from bptt.contracts import PointwiseCell
from bptt.kernels.compiled.building import load
from bptt.kernels.compiled.kernel import weights
from bptt.kernels.compiled.repeated import Repeated, Shape
from bptt.kernels.compiled.sources import assembled, number_type
from bptt.settings import read_settings
from bptt.training import TrainingRun, prepare_thread

ROUNDS = 1_000_000
"""Turns of the loop that keeps the multipliers busy."""
NUMBERS = 4096
"""Whose functions are timed: they fit into the first cache."""

SOURCE = f"""
float multiply(long turns) {{
  V c[16];
  for (int i = 0; i < 16; i++) c[i] = K(i);
  const V a = K(0.999f), b = K(1e-3f);
  for (long k = 0; k < turns; k++)
    _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) c[i] = c[i] * a + b;
  V sum = c[0];
  for (int i = 1; i < 16; i++) sum += c[i];
  return sum[0];
}}
void sigmoids(float *x) {{
  for (long i = 0; i < {NUMBERS}; i += WIDTH) STORE(x + i, v_sigmoid(LOAD(x + i)));
}}
void tanhs(float *x) {{
  for (long i = 0; i < {NUMBERS}; i += WIDTH) STORE(x + i, v_tanh(LOAD(x + i)));
}}
int width(void) {{ return WIDTH; }}
"""
FUNCTIONS = {"rnn": (0, 1), "lstm": (3, 2), "gru": (2, 1)}
"""Sigmoids and tanhs of a cell, per unit and step."""


@dataclass(frozen=True)
class Plan:
    rounds: int = 7
    seconds: float = 0.1
    sizes: tuple[str, ...] = (
        *("rnn_32_50", "rnn_64_50", "rnn_128_50", "rnn_128_200"),
        *("lstm_32_50", "lstm_64_50", "lstm_128_50", "lstm_256_10", "lstm_1024_20"),
        *("gru_32_50", "gru_64_50", "gru_128_50"),
    )
    """cell_H_T"""


def passes(run: TrainingRun, length: int) -> Update:
    """Return both passes of the kernel of a run's only layer, alone."""
    (layer,) = run.model.stack.each_layer()
    (cell,), (runner,) = layer.by_direction().values(), layer.runners
    kernel = runner.kernel(cell, torch.float32)
    assert kernel is not None
    assert isinstance(cell, PointwiseCell)
    x, to_final = torch.rand(length, BATCH, 2), torch.randn(BATCH, cell.hidden_size)
    own = weights(cell)
    gradients = [torch.empty_like(weight) for weight in own]
    shape = Shape(kernel, x.shape, x.stride(), x.dtype, None)
    with torch.no_grad():
        repeated = Repeated(shape, cell.biases, own, gradients, gradient_norms=False)
        initial = tuple(state.contiguous() for state in cell.initial_state(BATCH))

    def both() -> None:
        with torch.no_grad():
            repeated.forward(x, initial, None)
            repeated.backward(None, to_final, wants_inputs=False)

    return both


def of_processor(numbers: Tensor) -> tuple[dict[str, Update], int]:
    """Return what measures the processor, multipliers, sigmoid and tanh; and numbers in a vector.

    Args:
        numbers: as many as are timed; they must stay where they are.
    """
    settings = read_settings()
    source = assembled(number_type(torch.float32), "numbers.c") + SOURCE
    library = load(source, settings.compilers, settings.kernels)
    at = ctypes.c_void_p(numbers.data_ptr())
    calls: dict[str, Update] = {
        "multiply": partial(library.multiply, ctypes.c_long(ROUNDS)),
        "sigmoids": partial(library.sigmoids, at),
        "tanhs": partial(library.tanhs, at),
    }
    return calls, library.width()


def row(text: str, plan: Plan) -> dict[str, Any]:
    """Measure one size in alternation with the processor."""
    cell, hidden, length = text.split("_")
    run = make_run(cell, hidden=int(hidden), length=int(length))
    run.advance()
    numbers = torch.rand(NUMBERS)
    processor, lanes = of_processor(numbers)
    variants = {"update": run.advance, "passes": passes(run, int(length)), **processor}
    seconds = processor_times(variants, plan.rounds, plan.seconds)
    return {"size": text, "lanes": lanes, "seconds": seconds}


def measure(plan: Plan) -> Found:
    """Measure every size."""
    prepare_thread()
    return {"rows": [row(text, plan) for text in plan.sizes]}


def floors(one: dict[str, Any]) -> list[float]:
    """Return, block by block, the seconds of the multiplications and functions of an update."""
    cell, hidden, length = one["size"].split("_")
    units, steps = int(hidden), int(length) * BATCH
    blocks = GATES[cell]
    # forward, back, and for the gradient of the weights; inputs have no gradient
    products = blocks * units * (3 * units + 2 * 2) * steps
    sigmoids, tanhs = (count * units * steps for count in FUNCTIONS[cell])
    seconds = one["seconds"]
    return [
        products * multiply / (16 * one["lanes"] * ROUNDS)
        + (sigmoids * sigmoid + tanhs * tanh) / NUMBERS
        for multiply, sigmoid, tanh in zip(
            *(seconds[name] for name in ("multiply", "sigmoids", "tanhs")), strict=True
        )
    ]


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## The limit\n"
    yield (
        f"Processor time of one update (adding problem, batch {BATCH}, float32, Adam, one thread), "
        "of both passes of the kernel in it, and of what no program could leave out: the "
        "multiplications with weights at the rate at which this processor multiplies registers, "
        f"and its sigmoids and tanhs in the first cache. {plan.rounds} alternating blocks of each; "
        "*of the update*: floor / update. Where gradients vanish to 0 before the first "
        "step, passes do less than the floor.\n"
    )
    yield head(
        "cell, H, T", "update, us", "passes, us", "floor, us", "of the update", "of the passes"
    )
    for one in found["rows"]:
        floor, seconds = floors(one), one["seconds"]
        times = [statistics.median(of) for of in (seconds["update"], seconds["passes"], floor)]
        shares = [
            spread([100 * share for share in ratios(floor, seconds[name])]) + " %"
            for name in ("update", "passes")
        ]
        columns = [one["size"].replace("_", " "), *(digits(1e6 * t) for t in times), *shares]
        yield table_row(*columns)


PART = Part("limit", "performance", Plan(), measure, lines)
