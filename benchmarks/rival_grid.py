"""The grid of `grid_throughput`, as users of other tools would write it.

`python -m benchmarks.rival_grid RIVAL CELL+CELL LENGTH HIDDEN UPDATES EVERY` trains every so many
of its runs and prints the seconds, the last losses and the seconds of processors as JSON; RIVAL is
`loop` (one run after the other), `joblib` or `ray` (two at a time). Data and first weights are
those of bptt, so that the losses can be compared; everything else is torch's. In JAX, which draws
its own, `jax` is joblib with one function for each run, `vmap` all runs at once. The start of
Python, of joblib's processes and of Ray does not count, which favours the rivals; compiling does.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress

import torch
from torch import nn

from benchmarks import jax_grid
from benchmarks.jax_grid import Point, Sizes
from benchmarks.plain_script import updating
from benchmarks.torch_weights import to_torch
from benchmarks.updates import on_batches
from bptt.run_file import read_run_file
from bptt.training import TrainingRun

PARALLEL = 2
RATES, SEEDS = (3e-4, 1e-3, 3e-3, 1e-2), {1: 16, 2: 8, 3: 5}
"""Seeds by the number of cells, so that a grid has 64 or 60 runs."""
RUN = """
task: {{name: adding, length: {length}}}
cell: {cell}
clipper: {{name: global_norm, max_norm: 1.0}}
model: {{hidden_size: {hidden}}}
optimizer: {{name: adam, lr: {rate}}}
training:
  {{steps: {updates}, batch_size: 32, evaluate_every: {updates}, evaluation_size: 128,
    stop_when_solved: false}}
"""

Trained = tuple[float, float]
"""Mean loss of bptt's last log line, and seconds of the processor in the thread that trained."""


def text_of(cell: str, rate: float | str, sizes: Sizes) -> str:
    """Return a run's file without its seed; lists in it make a grid."""
    length, hidden, updates = sizes
    return RUN.format(cell=cell, rate=rate, length=length, hidden=hidden, updates=updates)


def points(cells: list[str], every: int = 1) -> list[Point]:
    """Return every so many runs of a grid, in the order of bptt's grid."""
    seeds = range(SEEDS[len(cells)])
    return [(cell, rate, seed) for cell in cells for rate in RATES for seed in seeds][::every]


def train(point: Point, sizes: Sizes) -> Trained:
    """Train one run as a plain script does."""
    began = time.thread_time()
    cell, rate, seed = point
    torch.set_num_threads(1)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text_of(f"{{name: {cell}, biases: 2}}", rate, sizes) + f"seed: {seed}\n")
        file.flush()
        spec = read_run_file(file.name).spec
    ours = TrainingRun(spec)
    layer, read_out = to_torch(ours.model.stack), nn.Linear(spec.model.hidden_size, 1)
    read_out.load_state_dict(ours.model.read_out.state_dict())
    losses: list[float] = []
    step = updating(layer, read_out, rate)
    update = on_batches(ours, lambda inputs, targets: losses.append(step(inputs, targets)))
    for _ in range(spec.training.steps):
        update()
    return statistics.mean(losses[-ours.log_every :]), time.thread_time() - began


def in_a_loop(wanted: list[Point], sizes: Sizes) -> Iterator[list[Trained]]:
    yield []
    yield [train(point, sizes) for point in wanted]


def with_joblib(wanted: list[Point], sizes: Sizes) -> Iterator[list[Trained]]:
    from joblib import Parallel, delayed

    with Parallel(n_jobs=PARALLEL) as parallel:
        # starts its processes, which import torch
        parallel(delayed(train)(point, (2, 2, 1)) for point in wanted[:PARALLEL])
        yield []
        yield parallel(delayed(train)(point, sizes) for point in wanted)


def with_ray(wanted: list[Point], sizes: Sizes) -> Iterator[list[Trained]]:
    """Use Ray Tune as its guide does: a trainable, a search space, a tuner."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray import tune

    def trainable(config: dict[str, Point]) -> None:
        loss, processor = train(config["point"], sizes)
        tune.report({"loss": loss, "processor": processor})

    with tempfile.TemporaryDirectory() as folder:
        ray.init(num_cpus=PARALLEL, include_dashboard=False, log_to_driver=False)
        yield []
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}),
            param_space={"point": tune.grid_search(wanted)},
            run_config=tune.RunConfig(verbose=0, storage_path=folder),
        )
        by_point = {
            tuple(r.config["point"]): (r.metrics["loss"], r.metrics["processor"])
            for r in tuner.fit()
        }
        yield [by_point[point] for point in wanted]
        ray.shutdown()


def with_joblib_and_jax(wanted: list[Point], sizes: Sizes) -> Iterator[list[Trained]]:
    from joblib import Parallel, delayed

    with Parallel(n_jobs=PARALLEL) as parallel:
        # starts its processes, which import JAX; what is compiled for these sizes is not used again
        parallel(delayed(jax_grid.train)(point, (2, 2, 1)) for point in wanted[:PARALLEL])
        yield []
        yield parallel(delayed(jax_grid.train)(point, sizes) for point in wanted)


def with_vmap(wanted: list[Point], sizes: Sizes) -> Iterator[list[Trained]]:
    jax_grid.train_together(wanted[:1], (2, 2, 1))
    yield []
    yield jax_grid.train_together(wanted, sizes)


RIVALS = {
    "loop": in_a_loop,
    "joblib": with_joblib,
    "ray": with_ray,
    "jax": with_joblib_and_jax,
    "vmap": with_vmap,
}


def main(rival: str, cells: str, length: str, hidden: str, updates: str, every: str) -> None:
    wanted, sizes = points(cells.split("+"), int(every)), (int(length), int(hidden), int(updates))
    training = RIVALS[rival](wanted, sizes)
    # whatever it takes to be ready
    next(training)
    began = time.perf_counter()
    trained = next(training)
    seconds = time.perf_counter() - began
    with suppress(StopIteration):
        next(training)
    losses, processor = zip(*trained, strict=True)
    print(json.dumps({"seconds": seconds, "losses": losses, "processor": sum(processor)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
