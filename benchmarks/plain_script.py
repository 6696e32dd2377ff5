"""What somebody without bptt would write for one run: `python plain_script.py SEED`."""

import sys

import torch
from torch import nn

LENGTH, BATCH, HIDDEN, UPDATES = 20, 16, 16, 100


def main(seed: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    cell, read_out = nn.LSTM(2, HIDDEN), nn.Linear(HIDDEN, 2)
    parameters = [*cell.parameters(), *read_out.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=3e-3)
    for _ in range(UPDATES):
        bit = torch.randint(2, (BATCH,))
        inputs = torch.randn(LENGTH, BATCH, 2) * 0.2
        inputs[0] = nn.functional.one_hot(bit, 2).float()
        loss = nn.functional.cross_entropy(read_out(cell(inputs)[0][-1]), bit)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    print(loss.item())


if __name__ == "__main__":
    main(int(sys.argv[1]))
