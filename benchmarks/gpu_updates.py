"""Updates that can run on a GPU: each draws a batch of the adding problem and trains on it."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from benchmarks.interleaving import Update
from benchmarks.plain_script import BATCH, LAYERS, descend, draw
from bptt import registry
from bptt.contracts import PointwiseCell
from bptt.kernels import traced
from bptt.kernels.step.program import TracedProgram
from bptt.kernels.step.tracing import trace

RATE, MAX_NORM = 1e-3, 1.0
WARM_UP = 3
"""Updates before a graph is captured, as torch asks for."""

Loss = Callable[[], Tensor]


class NeedsGpu(Exception):
    """A way of training that only a GPU has."""


def clock(device: str) -> float:
    """Return the seconds of the clock on the wall, once the device has done everything."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


class OneCell(nn.Module):
    """A cell of torch over time, step by step, so that many networks are one batched product."""

    CELLS: Mapping[str, type[nn.RNNCellBase]] = {
        "rnn": nn.RNNCell,
        "lstm": nn.LSTMCell,
        "gru": nn.GRUCell,
    }

    def __init__(self, cell: str, hidden: int) -> None:
        super().__init__()
        self.cell = self.CELLS[cell](2, hidden)
        self.read_out = nn.Linear(hidden, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return predictions, (batch, 1), for inputs (time, batch, 2)."""
        state = None
        for x in inputs:
            state = self.cell(x, state)
        return self.read_out(state[0] if isinstance(state, tuple) else state)


def by_layer(cell: str, hidden: int, length: int, device: str) -> Update:
    """Return an update of torch's own layer: on a GPU that of cuDNN."""
    layer, read_out = LAYERS[cell](2, hidden).to(device), nn.Linear(hidden, 1).to(device)

    def loss() -> Tensor:
        inputs, targets = on(device, length)
        return nn.functional.mse_loss(read_out(layer(inputs)[0][-1]).squeeze(1), targets)

    return updating([*layer.parameters(), *read_out.parameters()], loss)


def by_sequence(cell: str, hidden: int, length: int, device: str) -> Update:
    """Return an update by bptt's sequence backend, after checking its last states.

    Raises:
        AssertionError: they are not those of the processor.
    """
    made = registry.construct_cell(cell, {}, 2, hidden)
    assert isinstance(made, PointwiseCell)
    program, read_out = TracedProgram(made, trace(made, torch.float32)), nn.Linear(hidden, 1)

    def last(inputs: Tensor) -> Tensor:
        # the backend makes its buffers where torch makes tensors
        with torch.device(inputs.device):
            return traced.unroll(program, made, inputs, made.initial_state(BATCH)).final[0]

    inputs, _ = draw(length)
    expected = last(inputs).detach()
    made.to(device), read_out.to(device)
    torch.testing.assert_close(last(inputs.to(device)).cpu(), expected, rtol=1e-2, atol=1e-3)

    def loss() -> Tensor:
        inputs, targets = on(device, length)
        return nn.functional.mse_loss(read_out(last(inputs)).squeeze(1), targets)

    return updating([*(p for p in made.parameters() if p.numel()), *read_out.parameters()], loss)


def together(cell: str, hidden: int, length: int, device: str, runs: int) -> Update:
    """Return an update of so many runs at once: vmap over their weights, each with its batch."""
    networks = [OneCell(cell, hidden).to(device) for _ in range(runs)]
    weights, _ = stack_module_state(networks)  # type: ignore[arg-type]
    optimizer = adam(list(weights.values()))

    def loss_of(own: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        outputs = functional_call(networks[0], own, (inputs,))
        return nn.functional.mse_loss(outputs.squeeze(1), targets)

    of_each = vmap(grad_and_value(loss_of))

    def update() -> Tensor:
        # as many batches as runs, drawn at once
        inputs, targets = on(device, length, runs)
        of_runs = inputs.unflatten(1, (runs, BATCH)).transpose(0, 1)
        with torch.no_grad():
            gradients, losses = of_each(weights, of_runs, targets.view(runs, BATCH))
        squares: Any = sum(g.flatten(1).square().sum(1) for g in gradients.values())
        factor = (MAX_NORM / (squares.sqrt() + 1e-6)).clamp(max=1.0)
        for name, weight in weights.items():
            own = gradients[name]
            weight.grad = own * factor.view(-1, *[1] * (own.ndim - 1))
        optimizer.step()
        result: Tensor = losses.mean().detach()
        return result

    return update


def as_graph(update: Update, device: str) -> Update:
    """Return an update replayed as a CUDA graph: one launch instead of one for each kernel.

    Raises:
        NeedsGpu: there is none.
        ArithmeticError: what was captured does not train.
    """
    if device != "cuda":
        raise NeedsGpu
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            update()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss: Any = update()
    seen = []
    for _ in range(2):
        graph.replay()
        seen.append(float(loss))
    if not all(map(torch.isfinite, torch.tensor(seen))) or seen[0] == seen[1]:
        raise ArithmeticError(f"two replays gave the losses {seen}")
    return graph.replay


def updating(parameters: list[Tensor], loss_of: Loss) -> Update:
    """Return one update, which never waits for the device."""
    optimizer = adam(parameters)

    def update() -> Tensor:
        loss = loss_of()
        descend(optimizer, parameters, loss)
        return loss.detach()

    return update


def adam(parameters: list[Tensor]) -> torch.optim.Optimizer:
    """Return torch's fastest Adam, which a graph can hold."""
    return torch.optim.Adam(list(parameters), lr=RATE, fused=True, capturable=parameters[0].is_cuda)


def on(device: str, length: int, runs: int = 1) -> tuple[Tensor, Tensor]:
    """Return batches of the adding problem that are drawn on the device."""
    with torch.device(device):
        return draw(length, runs * BATCH)
