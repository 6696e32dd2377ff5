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
BATCH = 32


def updating(
    layer: nn.Module, read_out: nn.Module, rate: float = 1e-3
) -> Callable[[Tensor, Tensor], float]:
    """Return one update: inputs (time, batch, 2), targets (batch,) -> loss."""
    parameters = [*layer.parameters(), *read_out.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=rate)

    def update(inputs: Tensor, targets: Tensor) -> float:
        outputs = read_out(layer(inputs)[0][-1])
        loss = nn.functional.mse_loss(outputs.squeeze(1), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return loss.item()

    return update


def draw(length: int) -> tuple[Tensor, Tensor]:
    """Return a batch of the adding problem: two marked values, and their sum."""
    values, marks = torch.rand(length, BATCH), torch.zeros(length, BATCH)
    half, rows = length // 2, torch.arange(BATCH)
    marks[torch.randint(half, (BATCH,)), rows] = 1.0
    marks[half + torch.randint(length - half, (BATCH,)), rows] = 1.0
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
