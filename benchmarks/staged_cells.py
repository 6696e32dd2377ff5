"""Cells with products or means inside their step: the kernel against `gru`'s, autograd and JAX."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks import jax_cells
from benchmarks.cells import head, table_row
from benchmarks.interleaving import against, microseconds, processor_times
from benchmarks.part import Found, Part
from bptt import registry
from bptt.contracts import PointwiseCell
from bptt.kernels import Runner
from bptt.training import prepare_thread

BATCH, FEATURES = 32, 2
GRU = "gru"


@dataclass(frozen=True)
class Plan:
    rounds: int = 5
    seconds: float = 0.15
    cells: tuple[str, ...] = (
        "gru_cho",
        "mgu",
        "rhn",
        "lem",
        "cornn",
        "multiplicative_lstm",
        "slstm",
        "layernorm_lstm",
    )
    hidden: tuple[int, ...] = (32, 64, 128)
    lengths: tuple[int, ...] = (50, 200)


def by_backend(backend: str, cell: PointwiseCell, length: int) -> Callable[[], Any]:
    """Return a step of gradient descent whose loss reads the last output."""
    runner, initial = Runner(backend), cell.initial_state(BATCH)
    x, to_last = drawn(cell.hidden_size, length)
    weights = [parameter for parameter in cell.parameters() if parameter.numel()]

    def update() -> None:
        last = runner.unroll(cell, x, initial).final[0]
        found = torch.autograd.grad(last, weights, to_last)
        with torch.no_grad():
            torch._foreach_sub_(weights, found, alpha=1e-6)

    return update


def drawn(hidden: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs, (time, batch, features), and a gradient to the last output."""
    torch.manual_seed(1)
    return torch.randn(length, BATCH, FEATURES), torch.randn(BATCH, hidden)


def made(name: str, hidden: int) -> PointwiseCell:
    """Return a cell under the same seed for everybody."""
    torch.manual_seed(0)
    cell = registry.construct_cell(name, {}, FEATURES, hidden)
    assert isinstance(cell, PointwiseCell)
    return cell


def row(name: str, hidden: int, length: int, plan: Plan) -> dict[str, Any]:
    """Measure one cell of one size in alternation with `gru`.

    Raises:
        AssertionError: JAX computes something else.
    """
    variants = {
        "kernel": by_backend("compiled", made(name, hidden), length),
        GRU: by_backend("compiled", made(GRU, hidden), length),
        "autograd": by_backend("autograd", made(name, hidden), length),
    }
    if jax_cells.is_installed():
        cell, (x, to_last) = made(name, hidden), drawn(hidden, length)
        variants["jax"], last = jax_cells.updates(name, cell, x, to_last)
        ours = Runner("compiled").unroll(cell, x, cell.initial_state(BATCH)).final[0]
        np.testing.assert_allclose(ours.detach(), last(), rtol=1e-3, atol=1e-4)
    times = processor_times(variants, plan.rounds, plan.seconds)
    if "jax" in times:
        times["jax"] = [seconds / jax_cells.UPDATES for seconds in times["jax"]]
    return {"cell": name, "hidden": hidden, "length": length, "seconds": times}


def measure(plan: Plan) -> Found:
    """Measure every cell at every size."""
    prepare_thread()
    sizes = [(hidden, length) for hidden in plan.hidden for length in plan.lengths]
    return {"rows": [row(cell, *size, plan) for cell in plan.cells for size in sizes]}


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Cells with products or means inside their step\n"
    yield (
        "Processor time of one step of gradient descent whose loss reads the last of T steps "
        f"(batch {BATCH}, {FEATURES} features, float32, one thread): the kernel, and how many "
        "times longer `gru`'s kernel of the same size, the loop by autograd and JAX take (jit of "
        f"a scan over time inside a scan over {jax_cells.UPDATES} updates, compiled before; the "
        "same weights, whose last outputs agree). The kernel's time contains the call of torch's "
        f"autograd around it, which a run does without. {plan.rounds} interleaved blocks.\n"
    )
    yield head("cell", "H", "T", "kernel, us", "`gru`'s kernel", "autograd", "JAX")
    for one in found["rows"]:
        times = one["seconds"]
        columns = [f"`{one['cell']}`", str(one["hidden"]), str(one["length"])]
        columns.append(microseconds(times["kernel"]))
        columns += [against(times, rival, "kernel") for rival in (GRU, "autograd", "jax")]
        yield table_row(*columns)


PART = Part("staged_cells", "performance", Plan(), measure, lines)
