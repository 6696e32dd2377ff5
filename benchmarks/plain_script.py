"""What somebody without bptt writes for one run: torch's own layer on the adding problem.

`python plain_script.py CELL HIDDEN LENGTH UPDATES SEED` trains and prints JSON. It imports nothing
from bptt, so that it starts like such a script; the other benchmarks train with its update.
"""

import json
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
"""Blocks of hidden units that the weights of a cell have."""
BATCH = 32


def last_step(states: Tensor) -> Tensor:
    """Return what is read out of a layer in one direction."""
    return states[-1]


def updating(
    layer: nn.Module,
    read_out: nn.Module,
    rate: float = 1e-3,
    *,
    fused: bool = False,
    ends: Callable[[Tensor], Tensor] = last_step,
) -> Callable[[Tensor, Tensor], float]:
    """Return one update: inputs (time, batch, 2), targets (batch,) -> loss."""
    parameters = [*layer.parameters(), *read_out.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=rate, fused=fused)

    def update(inputs: Tensor, targets: Tensor) -> float:
        outputs = read_out(ends(layer(inputs)[0]))
        loss = nn.functional.mse_loss(outputs.squeeze(1), targets)
        descend(optimizer, parameters, loss)
        return loss.item()

    return update


def descend(optimizer: torch.optim.Optimizer, parameters: list[Tensor], loss: Tensor) -> None:
    """Do one step down the gradient of a loss."""
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()


def draw(length: int, batch: int = BATCH) -> tuple[Tensor, Tensor]:
    """Return a batch of the adding problem: two marked values, and their sum."""
    values, marks = torch.rand(length, batch), torch.zeros(length, batch)
    half, rows = length // 2, torch.arange(batch)
    marks[torch.randint(half, (batch,)), rows] = 1.0
    marks[half + torch.randint(length - half, (batch,)), rows] = 1.0
    return torch.stack([values, marks], -1), (values * marks).sum(0)


def main(cell: str, hidden: int, length: int, updates: int, seed: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    update = updating(LAYERS[cell](2, hidden), nn.Linear(hidden, 1))
    began = time.perf_counter()
    for _ in range(updates):
        loss = update(*draw(length))
    print(json.dumps({"seconds": time.perf_counter() - began, "loss": loss}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
