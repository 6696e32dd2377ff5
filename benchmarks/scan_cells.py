"""minGRU over a sequence: the kernel that loops over time against scans that do not."""

import copy
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, sigmoid
from torch.nn.functional import softplus

from benchmarks.cells import head, table_row
from benchmarks.interleaving import digits, processor_times, ratios, spread
from benchmarks.part import Found, Part
from bptt import registry
from bptt.contracts import PointwiseCell
from bptt.kernels import Runner
from bptt.training import prepare_thread

HIDDEN, BATCH, FEATURES = 64, 32, 8
SECONDS = 0.2
"""Processor time of one block of passes."""


@dataclass(frozen=True)
class Plan:
    rounds: int = 7
    lengths: tuple[int, ...] = (50, 200, 500)


Outputs = Callable[[PointwiseCell, Tensor], Tensor]
"""All states (time, batch, hidden) from a state of zeros."""


def in_log_space(cell: PointwiseCell, x: Tensor) -> Tensor:
    """Return the states by the paper's cumulative sums of logarithms (Feng et al. 2024)."""
    z, n = cell.project_input(x).split(HIDDEN, dim=-1)
    kept = torch.cumsum(-softplus(z), 0)
    content = torch.where(n >= 0, (n.relu() + 0.5).log(), -softplus(-n))
    return torch.exp(kept + torch.logcumsumexp(content - softplus(-z) - kept, 0))


def by_doubling(cell: PointwiseCell, x: Tensor) -> Tensor:
    """Return the states by log2(time) passes, each over twice the distance (Hillis & Steele)."""
    z, n = cell.project_input(x).split(HIDDEN, dim=-1)
    written = sigmoid(z)
    state = written * torch.where(n >= 0, n + 0.5, sigmoid(n))
    kept, distance = 1 - written, 1
    while distance < len(x):
        # h_t = state_t + kept_t h_(t - distance)
        reached = torch.addcmul(state[distance:], kept[distance:], state[:-distance])
        kept = torch.cat([kept[:distance], kept[distance:] * kept[:-distance]])
        state = torch.cat([state[:distance], reached])
        distance *= 2
    return state


def by_backend(backend: str) -> Outputs:
    """Return a backend of bptt as a way."""
    runner = Runner(backend)

    def outputs(cell: PointwiseCell, x: Tensor) -> Tensor:
        return runner.unroll(cell, x, cell.initial_state(x.shape[1])).outputs

    return outputs


WAYS: dict[str, Outputs] = {
    "kernel": by_backend("compiled"),
    "log space": in_log_space,
    "doubling": by_doubling,
    "loop by autograd": by_backend("autograd"),
}


def one_pass(cell: PointwiseCell, x: Tensor, to_states: Tensor, outputs: Outputs) -> list[Tensor]:
    """Return the states and the gradients of all weights: one pass forward and one backward."""
    states = outputs(cell, x)
    weights = [cell.input_weight, cell.input_bias]
    return [states, *torch.autograd.grad(states, weights, to_states)]


def ways(length: int) -> dict[str, Callable[[], object]]:
    """Return one pass over a sequence in each way, after checking that all agree.

    Raises:
        AssertionError: they do not.
    """
    torch.manual_seed(0)
    cell = registry.construct_cell("mingru", {}, FEATURES, HIDDEN)
    assert isinstance(cell, PointwiseCell)
    x, to_states = torch.randn(length, BATCH, FEATURES), torch.randn(length, BATCH, HIDDEN)
    # in float32 a difference of logarithms loses what a comparison needs
    exact = copy.deepcopy(cell).double(), x.double(), to_states.double()
    expected = one_pass(*exact, WAYS["loop by autograd"])
    passes: dict[str, Callable[[], object]] = {}
    for name, outputs in WAYS.items():
        torch.testing.assert_close(
            one_pass(*exact, outputs), expected, rtol=1e-7, atol=1e-7, msg=f"{name} differs"
        )
        passes[name] = partial(one_pass, cell, x, to_states, outputs)
    return passes


def measure(plan: Plan) -> Found:
    """Measure every length, the ways in alternation."""
    prepare_thread()
    return {
        str(length): processor_times(ways(length), plan.rounds, SECONDS) for length in plan.lengths
    }


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## A scan over time instead of a loop\n"
    yield (
        f"Processor time of minGRU forward and backward over a sequence (hidden {HIDDEN}, batch "
        f"{BATCH}, {FEATURES} features, float32, one thread): the kernel that loops over time, and "
        "how many times longer the paper's scan in log space, a scan of log2(T) passes and the "
        f"loop by autograd take. {plan.rounds} interleaved blocks.\n"
    )
    yield head("T", "kernel, ms", "log space", "doubling", "loop by autograd")
    for length, times in found.items():
        columns = [digits(1e3 * statistics.median(times["kernel"]))]
        columns += [spread(ratios(times[name], times["kernel"])) for name in list(WAYS)[1:]]
        yield table_row(length, *columns)


PART = Part("scan_cells", "performance", Plan(), measure, lines)
