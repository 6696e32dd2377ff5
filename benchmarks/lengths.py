"""Both passes over sequences of different lengths: what those that have ended still cost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from benchmarks.cells import head, table_row
from benchmarks.interleaving import against, digits, microseconds, processor_times, ratios, spread
from benchmarks.part import Found, Part
from benchmarks.plain_script import BATCH, LAYERS
from benchmarks.staged_cells import FEATURES, made
from bptt.contracts import PointwiseCell
from bptt.kernels import Runner
from bptt.training import prepare_thread

FIRST = 0.1
"""The shortest sequence / the longest one."""


@dataclass(frozen=True)
class Plan:
    rounds: int = 7
    seconds: float = 0.1
    sizes: tuple[str, ...] = (
        *("rnn_32_50", "rnn_128_50", "lstm_32_50", "lstm_64_50", "lstm_128_50", "gru_64_50"),
        *("lem_64_50", "slstm_64_50"),
    )
    """cell_H_T"""


def passes(cell: PointwiseCell, x: Tensor, lengths: Tensor | None) -> Callable[[], Any]:
    """Return both passes of a kernel whose loss reads the last step of every sequence."""
    runner, initial = Runner("compiled"), cell.initial_state(BATCH)
    weights = [parameter for parameter in cell.parameters() if parameter.numel()]
    to_last = torch.ones(BATCH, cell.hidden_size)

    def both() -> None:
        last = runner.unroll(cell, x, initial, lengths).final[0]
        torch.autograd.grad(last, weights, to_last)

    return both


def packed(layer: nn.Module, x: Tensor, lengths: Tensor) -> Callable[[], Any]:
    """Return both passes of torch's layer over packed sequences."""
    weights = list(layer.parameters())

    def both() -> None:
        _, state = layer(pack_padded_sequence(x, lengths, enforce_sorted=False))
        last = state[0] if isinstance(state, tuple) else state
        torch.autograd.grad(last.sum(), weights)

    return both


def row(text: str, plan: Plan) -> dict[str, Any]:
    """Measure one size."""
    name, hidden, length = text.split("_")
    steps = int(length)
    cell = made(name, int(hidden))
    torch.manual_seed(1)
    x = torch.randn(steps, BATCH, FEATURES)
    lengths = torch.linspace(FIRST * steps, steps, BATCH).round().long()[torch.randperm(BATCH)]
    variants = {"whole": passes(cell, x, None), "lengths": passes(cell, x, lengths)}
    if name in LAYERS:
        variants["packed"] = packed(LAYERS[name](FEATURES, int(hidden)), x, lengths)
    share = lengths.sum().item() / (steps * BATCH)
    times = processor_times(variants, plan.rounds, plan.seconds)
    return {"size": text, "share": share, "seconds": times}


def measure(plan: Plan) -> Found:
    """Measure every size."""
    prepare_thread()
    return {"rows": [row(text, plan) for text in plan.sizes]}


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    share = digits(100 * found["rows"][0]["share"])
    yield "## Sequences of different lengths\n"
    yield (
        f"Processor time of both passes over {BATCH} sequences that end between {FIRST:g} T and T, "
        f"in any order, so that {share} % of the steps are theirs (float32, one thread, autograd's "
        "call around the kernel included): *of whole*: relative to sequences that all have T "
        "steps, and how many times longer torch's own layer takes with them packed. "
        f"{plan.rounds} interleaved blocks.\n"
    )
    yield head("cell, H, T", "kernel, us", "of whole", "torch, packed / kernel")
    for one in found["rows"]:
        times = one["seconds"]
        of_whole = [100 * ratio for ratio in ratios(times["lengths"], times["whole"])]
        yield table_row(
            one["size"].replace("_", " "),
            microseconds(times["lengths"]),
            f"{spread(of_whole)} %",
            against(times, "packed", "lengths"),
        )


PART = Part("lengths", "performance", Plan(), measure, lines)
