"""The grid of `grid_throughput`, as those who use other tools write it.

`python -m benchmarks.rival_grid RIVAL CELLS` trains it and prints the last losses as JSON; RIVAL
is `loop` (one run after the other), `joblib` or `ray` (two at a time). Data and first weights are
those of bptt, so that the losses can be compared; everything else is torch's.
"""

import json
import sys
import tempfile

import torch
from torch import nn

from bptt.run_file import read_run_file
from bptt.training import TrainingRun
from bptt.training.data import TrainingData
from bptt.training.torch_weights import to_torch

PARALLEL = 2
HIDDEN, LENGTH, UPDATES = 32, 200, 300
RATES, SEEDS = (3e-4, 1e-3, 3e-3, 1e-2), {2: 8, 3: 5}
"""Seeds by the number of cells, so that a grid has 64 or 60 runs."""
RUN = """
task: {{name: adding, length: {length}}}
cell: {{name: {cell}, biases: 2}}
clipper: {{name: global_norm, max_norm: 1.0}}
model: {{hidden_size: {hidden}}}
optimizer: {{name: adam, lr: {rate}}}
training:
  {{steps: {updates}, batch_size: 32, evaluate_every: {updates}, evaluation_size: 128,
    stop_when_solved: false}}
"""


def text_of(cell: str, rate: float | str) -> str:
    """Return a run's file without its seed; a list in its places spans a grid."""
    return RUN.format(cell=cell, rate=rate, hidden=HIDDEN, length=LENGTH, updates=UPDATES)


def points(cells: list[str]) -> list[tuple[str, float, int]]:
    """Return cell, learning rate and seed of every run, in the order of bptt's grid."""
    seeds = range(SEEDS[len(cells)])
    return [(cell, rate, seed) for cell in cells for rate in RATES for seed in seeds]


def train(cell: str, rate: float, seed: int) -> float:
    """Train one run as a plain script does and return its last loss."""
    torch.set_num_threads(1)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text_of(cell, rate) + f"seed: {seed}\n")
        file.flush()
        spec = read_run_file(file.name).spec
    ours = TrainingRun(spec)
    layer, read_out = to_torch(ours.model.stack), nn.Linear(HIDDEN, 1)
    read_out.load_state_dict(ours.model.read_out.state_dict())
    data = TrainingData(ours.task, seed, spec.training.batch_size)
    parameters = [*layer.parameters(), *read_out.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=rate)
    for step in range(UPDATES):
        batch, _ = data.batch(step)
        outputs = read_out(layer(batch.inputs)[0][-1])
        loss = nn.functional.mse_loss(outputs.squeeze(1), batch.targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    return loss.item()


def in_a_loop(cells: list[str]) -> list[float]:
    return [train(*point) for point in points(cells)]


def with_joblib(cells: list[str]) -> list[float]:
    from joblib import Parallel, delayed

    found: list[float] = Parallel(n_jobs=PARALLEL)(delayed(train)(*p) for p in points(cells))
    return found


def with_ray(cells: list[str]) -> list[float]:
    """Use Ray Tune as its guide does: a trainable, a search space, a tuner."""
    import ray
    from ray import tune

    def trainable(config: dict[str, tuple[str, float, int]]) -> None:
        tune.report({"loss": train(*config["point"])})

    ray.init(num_cpus=PARALLEL, include_dashboard=False, log_to_driver=False)
    wanted = points(cells)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={"point": tune.grid_search(wanted)},
        run_config=tune.RunConfig(verbose=0),
    )
    by_point = {tuple(r.config["point"]): r.metrics["loss"] for r in tuner.fit()}
    return [by_point[point] for point in wanted]


RIVALS = {"loop": in_a_loop, "joblib": with_joblib, "ray": with_ray}

if __name__ == "__main__":
    print(json.dumps(RIVALS[sys.argv[1]](sys.argv[2].split(","))))
