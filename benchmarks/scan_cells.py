"""minGRU over a sequence: the kernel that loops over time against scans that do not.

`python -m benchmarks.scan_cells [LENGTH ...]` measures a part of the table.
"""

import copy
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, sigmoid
from torch.nn.functional import softplus

from bptt import registry
from bptt.contracts import PointwiseCell
from bptt.kernels import Runner
from bptt.training import prepare_thread

LENGTHS = (50, 200, 500)
HIDDEN, BATCH, FEATURES = 64, 32, 8
ROUNDS = 9
SECONDS = 0.2
"""Processor time of one block of passes."""

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
    """Return how a backend of bptt does it."""
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


def seconds(passes: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return the processor time of one pass, block by block, in the order A B C C B A."""
    counts = {}
    for name, run in passes.items():
        run()
        began = time.process_time()
        run()
        counts[name] = max(1, int(SECONDS / max(time.process_time() - began, 1e-6)))
    found: dict[str, list[float]] = {name: [] for name in passes}
    for number in range(ROUNDS):
        for name in list(passes)[:: 1 if number % 2 == 0 else -1]:
            began = time.process_time()
            for _ in range(counts[name]):
                passes[name]()
            found[name].append((time.process_time() - began) / counts[name])
    return found


def row(length: int) -> str:
    """Return one line of the table, once all ways are seen to give the same.

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
    found = seconds(passes)
    columns = [f"{1e3 * statistics.median(found['kernel']):.2f}"]
    for name in list(WAYS)[1:]:
        ratios = [a / b for a, b in zip(found[name], found["kernel"], strict=True)]
        columns.append(f"{statistics.median(ratios):.1f} [{min(ratios):.1f}, {max(ratios):.1f}]")
    return f"| {length} | " + " | ".join(columns) + " |"


def table(lengths: Sequence[int] = LENGTHS) -> Iterator[str]:
    """Yield the lines of the table."""
    prepare_thread()
    yield "## A scan over time instead of a loop\n"
    yield (
        f"Processor time of minGRU forward and backward over a sequence (hidden {HIDDEN}, batch "
        f"{BATCH}, {FEATURES} features, float32, one thread): the kernel that loops over time, and "
        "how many times longer take the scan in log space of the paper, a scan of log2(T) passes "
        f"and the loop by autograd. {ROUNDS} interleaved blocks: median [least, largest].\n"
    )
    yield "| T | kernel, ms | log space | doubling | loop by autograd |"
    yield "| --- | --- | --- | --- | --- |"
    for length in lengths:
        yield row(length)


def main() -> None:
    """Print the part of the table that the command line names."""
    for line in table([int(word) for word in sys.argv[1:]] or LENGTHS):
        print(line, flush=True)


if __name__ == "__main__":
    main()
