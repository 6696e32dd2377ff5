"""Prints a hash of weights and figures after some updates of every cell, model and task.

`python -m benchmarks.bits > before`, then the same again after a change: `diff` shows what trains
to other bits. Hashes of two machines or compilers differ.
"""

import hashlib
import sys
from collections.abc import Iterator

import torch

from benchmarks.updates import FILES
from bptt import registry
from bptt.run_file import read_run_file
from bptt.training import TrainingRun, prepare_thread

UPDATES = 6

TASKS = {
    "last": "task={name: adding, length: 12}",
    "lengths": "task={name: adding, variant: pascanu, length: 30}",
    "sentences": "task={name: agreement}",
    "every": "task={name: copy_memory, delay: 7}",
}
"""Each with every cell."""

BOTH = "model.bidirectional=true"
CONTEXT = "task={name: right_context}"

OTHERS = {
    "layers": ("model.layers=3",),
    "layers, lengths": ("model.layers=2", TASKS["lengths"]),
    "both": (BOTH,),
    "both, lengths": (BOTH, TASKS["lengths"]),
    "both, every": (BOTH, "model.layers=2", CONTEXT),
    "residual": ("model.layers=2", "model.skip=residual"),
    "residual, every": ("model.layers=3", "model.skip=residual", TASKS["every"]),
    "dense": ("model.layers=3", "model.skip=dense"),
    "dense, both": ("model.layers=2", "model.skip=dense", BOTH, CONTEXT),
    "highway": ("model.layers=3", "model.skip=highway"),
    "highway, both": ("model.layers=2", "model.skip=highway", BOTH, TASKS["lengths"]),
    "truncation": ("training.truncation=5", TASKS["every"]),
    "truncation, lengths": ("training.truncation=5", TASKS["sentences"]),
    "windows": ("training.truncation=6", "training.truncation_every=2", TASKS["every"]),
    "few": ("training.batch_size=4",),
    "few, lengths": ("training.batch_size=4", TASKS["lengths"]),
    "wide": ("model.hidden_size=272", TASKS["lengths"]),
    "value": ("clipper={name: value, clip_value: 0.01}",),
    "agc": ("clipper={name: agc}",),
    "none": ("clipper=none",),
    "adamw": ("optimizer={name: adamw, lr: 0.001}",),
    "sgd": ("optimizer={name: sgd, lr: 0.01}",),
    "no statistics": ("statistics.interval=0",),
}
"""With some cells."""

SOME = ("rnn", "lstm", "gru", "lem", "orthogonal_rnn", "gru_chung")


def configurations() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield what is trained: its name, its cell and the fields of its run file."""
    for cell in sorted(registry.discover("cell")):
        for name, task in TASKS.items():
            for dtype in ("float32", "float64"):
                yield f"{cell}, {name}, {dtype}", cell, (task, f"training.dtype={dtype}")
    for cell in SOME:
        for name, others in OTHERS.items():
            yield f"{cell}, {name}", cell, others


def bits(cell: str, others: tuple[str, ...]) -> str:
    """Return the hash of one run's weights and of all that its updates reported."""
    overrides = [
        *(f"cell={cell}", "seed=5", "model.hidden_size=20", "training.batch_size=37"),
        *("training.steps=1000", "training.evaluate_every=1000", "training.evaluation_size=40"),
        *("statistics.interval=3", "statistics.jacobian_interval=0"),
        *("training.stop_when_solved=false", TASKS["last"], *others),
    ]
    run = TrainingRun(read_run_file(FILES / "adding.yaml", overrides).spec)
    found = hashlib.sha256()
    for _ in range(UPDATES + 1):
        report = run.advance()
        found.update(repr(sorted(report.metrics.items())).encode())
        for name, values in sorted(report.probe.items()):
            found.update(name.encode() + values.numpy().tobytes())
    found.update(run.parameters.flat.detach().numpy().tobytes())
    return found.hexdigest()[:16]


def main(wanted: str = "") -> None:
    """Print a line for each configuration whose name contains what is wanted."""
    prepare_thread()
    torch.manual_seed(0)
    for name, cell, others in configurations():
        if wanted in name:
            print(f"{bits(cell, others)}  {name}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
