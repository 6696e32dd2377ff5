"""One update of one run: bptt against the script somebody would write with torch's own layers.

`python -m benchmarks.step_time [CELL ...] [HIDDENxLENGTH ...]` measures a part of the table.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from benchmarks.agreement import FILES
from bptt import registry
from bptt.run_file import read_run_file
from bptt.training import TrainingRun, prepare_thread
from bptt.training.data import TrainingData

SIZES = [(hidden, length) for hidden in (32, 64, 128) for length in (50, 200, 500)]
LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
STRANGERS = ("ugrnn",)
"""Cells of plugins/bptt-example, measured where it is installed."""
ROUNDS = 7
SECONDS = 0.2
"""Processor time of one block of updates."""

Update = Callable[[], object]


def make_run(cell: str, hidden: int, length: int) -> TrainingRun:
    """Return a run that goes on for ever and measures nothing besides."""
    overrides = [
        *(f"task.length={length}", f"cell.name={cell}", f"model.hidden_size={hidden}"),
        *("training.steps=10000000", "training.evaluate_every=10000000"),
        *("training.evaluation_size=32", "training.stop_when_solved=false"),
    ]
    return TrainingRun(read_run_file(FILES / "adding.yaml", overrides).spec)


class OwnLoop(nn.Module):
    """What a script does for a cell that torch does not have: a loop over time."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.from_input, self.from_state = nn.Linear(2, 2 * hidden), nn.Linear(hidden, 2 * hidden)
        self.hidden = hidden

    def forward(self, x: Tensor) -> tuple[Sequence[Tensor], None]:
        h = x.new_zeros(x.shape[1], self.hidden)
        for projected in self.from_input(x):
            g, c = (projected + self.from_state(h)).chunk(2, -1)
            h = torch.lerp(torch.tanh(c), h, torch.sigmoid(g))
        return [h], None


def script_update(run: TrainingRun, cell: str, hidden: int) -> Update:
    """Return one update as a script does it, on the batches of a run."""
    torch.manual_seed(0)
    layer = LAYERS[cell](2, hidden) if cell in LAYERS else OwnLoop(hidden)
    read_out = nn.Linear(hidden, 1)
    parameters = [*layer.parameters(), *read_out.parameters()]
    optimizer = torch.optim.Adam(parameters)
    data = TrainingData(run.task, run.spec.seed, run.spec.training.batch_size)
    step = 0

    def update() -> float:
        nonlocal step
        batch, _ = data.batch(step)
        step += 1
        outputs = read_out(layer(batch.inputs)[0][-1])
        loss = nn.functional.mse_loss(outputs.squeeze(1), batch.targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return loss.item()

    return update


def with_denormals(update: Update) -> Update:
    """Return the same update without flushing, as torch comes."""

    def unflushed() -> None:
        torch.set_flush_denormal(False)
        try:
            update()
        finally:
            torch.set_flush_denormal(True)

    return unflushed


def seconds(updates: dict[str, Update]) -> dict[str, list[float]]:
    """Return the processor time of one update, block by block, in the order A B C C B A."""
    counts = {}
    for name, update in updates.items():
        update()
        began = time.process_time()
        update()
        counts[name] = max(1, int(SECONDS / max(time.process_time() - began, 1e-6)))
    found: dict[str, list[float]] = {name: [] for name in updates}
    for number in range(ROUNDS):
        for name in list(updates)[:: 1 if number % 2 == 0 else -1]:
            began = time.process_time()
            for _ in range(counts[name]):
                updates[name]()
            found[name].append((time.process_time() - began) / counts[name])
    return found


def row(cell: str, hidden: int, length: int) -> str:
    """Return one line of the table."""
    run = make_run(cell, hidden, length)
    run.advance()
    script = script_update(run, cell, hidden)
    usual = with_denormals(script_update(run, cell, hidden))
    found = seconds({"script": script, "bptt": run.advance, "usual": usual})
    columns = [f"{1e6 * statistics.median(found[name]):.0f}" for name in ("script", "bptt")]
    for name in ("script", "usual"):
        ratios = [a / b for a, b in zip(found[name], found["bptt"], strict=True)]
        columns.append(f"{statistics.median(ratios):.1f} [{min(ratios):.1f}, {max(ratios):.1f}]")
    return f"| {cell} {hidden} {length} | {run.model.backend} | " + " | ".join(columns) + " |"


def table(
    cells: Sequence[str] = (), sizes: Sequence[tuple[int, int]] = tuple(SIZES)
) -> Iterator[str]:
    """Yield the lines of the table; all cells that are installed, if none is named."""
    prepare_thread()
    installed = registry.discover("cell")
    cells = cells or [cell for cell in (*LAYERS, *STRANGERS) if cell in installed]
    yield "## Time of one update\n"
    yield (
        f"Processor time of one update (adding task, batch 32, float32, Adam, clipping by "
        "global norm, one thread), and how many times longer a plain script takes with torch's "
        "own layer (a loop for cells torch does not have): with denormals flushed, as bptt does, "
        f"and as scripts usually run. {ROUNDS} interleaved blocks: median [least, largest].\n"
    )
    yield "| cell, hidden, T | backend | script, us | bptt, us | ratio | ratio, usual script |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for cell in cells:
        for hidden, length in sizes:
            yield row(cell, hidden, length)


def main() -> None:
    """Print the part of the table that the command line names."""
    words = sys.argv[1:]
    sizes = [tuple(map(int, word.split("x"))) for word in words if word[0].isdigit()]
    cells = [word for word in words if not word[0].isdigit()]
    for line in table(cells, sizes or SIZES):  # type: ignore[arg-type]
        print(line, flush=True)


if __name__ == "__main__":
    main()
