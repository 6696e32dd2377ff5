"""Single updates of bptt and of a plain script, on the same batches of the adding problem."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.interleaving import Update
from benchmarks.plain_script import LAYERS, updating
from bptt.batches.data import TrainingData
from bptt.run_file import read_run_file
from bptt.training import TrainingRun

FILES = Path(__file__).parent.parent / "grids" / "runs"


def make_run(
    cell: str,
    *,
    hidden: int = 32,
    length: int = 50,
    layers: int = 1,
    batch: int = 32,
    interval: int | None = 0,
    steps: int = 10_000_000,
    seed: int = 0,
    others: Sequence[str] = (),
) -> TrainingRun:
    """Return a run that measures nothing but the statistics that `interval` asks for.

    `others` are fields of the run file, as `training.dtype=float64`.
    """
    # torch's layers have two biases; other cells decide for themselves
    cell_of = f"{{name: {cell}, biases: 2}}" if cell in LAYERS else cell
    overrides = [
        *(f"task.length={length}", f"cell={cell_of}", f"seed={seed}"),
        *(
            f"model.hidden_size={hidden}",
            f"model.layers={layers}",
            f"statistics.interval={'null' if interval is None else interval}",
        ),
        *(f"training.steps={steps}", f"training.evaluate_every={steps}"),
        *(f"training.batch_size={batch}", "training.evaluation_size=32"),
        "training.stop_when_solved=false",
        *others,
    ]
    return TrainingRun(read_run_file(FILES / "adding.yaml", overrides).spec)


def script(run: TrainingRun, layer: nn.Module, width: int) -> Update:
    """Return one update of a plain script with a layer of this width, on the batches of a run."""
    return on_batches(run, updating(layer, nn.Linear(width, 1)))


def on_batches(run: TrainingRun, update: Callable[[Tensor, Tensor], float]) -> Update:
    """Return an update that takes the next batch of a run by itself."""
    data = TrainingData(run.task, run.spec.seed, run.spec.training.batch_size)
    step = 0

    def one() -> None:
        nonlocal step
        batch, _ = data.batch(step)
        step += 1
        update(batch.inputs, batch.targets)

    return one


def torch_script(run: TrainingRun) -> Update:
    """Return one update of a plain script with torch's layer for the cell of a run."""
    torch.manual_seed(0)
    hidden, layers = run.spec.model.hidden_size, run.spec.model.layers
    return script(run, LAYERS[run.spec.cell.name](2, hidden, layers), hidden)


def with_denormals(update: Update) -> Update:
    """Return the same update without flushing, as torch comes."""

    def unflushed() -> None:
        torch.set_flush_denormal(False)
        try:
            update()
        finally:
            torch.set_flush_denormal(True)

    return unflushed
