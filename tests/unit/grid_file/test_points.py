import json
import sys
import time

import pytest

from bptt.run_file import read_grid_file

VARIED = """
seeds: [3, 0]
task:
  - {name: adding, length: [20, 30]}
  - {name: agreement, objective: number}
cell:
  - rnn
  - {name: lstm, forget_bias: [chrono, 1]}
clipper: [none, {name: global_norm, max_norm: [1, 0.1]}]
model: {skip: [none, highway], layers: 2}
optimizer: [adam, {name: adamw, lr: [1e-3, 5e-3]}, sgd]
"""

LARGE = """
task: {name: adding, length: [50, 100]}
cell: [rnn, {name: lstm, forget_bias: [0, 1, 2, 3]}]
optimizer: {name: adam, lr: [1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2]}
clipper: [none, {name: global_norm, max_norm: [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32]}]
seeds: 100
"""


def spelled_out(spec):
    """Return the run file that names every option of a spec."""
    content = spec.model_dump(mode="json")
    for section in ("task", "cell", "clipper"):
        chosen = content[section]
        content[section] = {"name": chosen["name"], **chosen["options"]}
    return json.dumps(content)


def test_identity_of_a_point_is_that_of_the_run_file_that_spells_it_out(grid_of, run_of):
    grid = grid_of(VARIED)

    for request in list(grid)[:: len(grid) // 24]:
        alone = run_of(spelled_out(request.spec))
        assert alone.identity == request.identity
        assert alone.cost_key == request.cost_key
        assert alone.spec == request.spec
        assert dict(alone.plugins) == dict(request.plugins)


def test_identity_of_a_point_is_that_of_its_spec(grid_of):
    for request in grid_of(VARIED):
        whole = json.dumps(
            request.spec.model_dump(mode="json"), sort_keys=True, separators=(",", ":")
        )
        assert request.spec.canonical() == whole
        assert request.spec.identity(request.plugins, request.data) == request.identity


def test_every_point_has_another_identity(grid_of):
    grid = grid_of(VARIED)

    assert len({request.identity for request in grid}) == len(grid) == 432


def test_points_can_be_asked_for_in_any_order(grid_of):
    grid = grid_of(VARIED)
    requests = list(grid)

    assert grid[-1] == requests[-1]
    assert grid[5:50:7] == requests[5:50:7]
    assert list(grid.spec.points[5:50:7]) == [request.spec for request in requests[5:50:7]]


def test_equal_files_give_equal_points_in_equal_order(grid_of):
    assert list(grid_of(VARIED)) == list(grid_of(VARIED))


def test_run_file_is_a_grid_of_one_point(grid_of, run_of):
    content = "name: mine\ntask: latch\ncell: {name: gru, forget_bias: 3}\nseed: 4\n"

    (point,) = grid_of(content)

    assert point.identity == run_of(content).identity
    assert run_of(content).name == "mine"
    assert (point.name, dict(point.values)) == ("gru-latch-s4", {})


def test_runs_of_a_grid_are_named_after_what_they_differ_in(grid_of):
    grid = grid_of("task: latch\ncell: [rnn, gru]\noptimizer: {lr: [1e-3, 3e-3]}\nseeds: 2\n")

    assert [request.name for request in grid][::3] == [
        "rnn-lr=0.001-s0",
        "rnn-lr=0.003-s1",
        "gru-lr=0.003-s0",
    ]


def test_plugin_is_constructed_once_per_distinct_options(install_plugin, grid_of):
    source = (
        "from bptt_plugins.clippers.global_norm import GlobalNorm\n"
        "made = []\n"
        "class Mine(GlobalNorm):\n"
        "    def __init__(self, *, max_norm: float = 1.0) -> None:\n"
        "        made.append(max_norm)\n"
        "        self.max_norm = max_norm\n"
    )
    install_plugin(source=source)

    grid = grid_of(
        "task: latch\ncell: [rnn, gru]\nclipper: {name: mine, max_norm: [1, 2, 3]}\nseeds: 50\n"
    )

    assert len(list(grid)) == 300
    assert sys.modules["acme_mine"].made == [1.0, 2.0, 3.0]


def test_hundred_thousand_points_are_checked_and_identified_in_seconds(tmp_path):
    path = tmp_path / "large.yaml"
    path.write_text(LARGE)
    read_grid_file(path, ["seeds=1"])  # imports
    began = time.process_time()

    identities = {request.identity for request in read_grid_file(path)}

    assert len(identities) == 100_000
    # processor time; 2 s on an idle core of 2020
    assert time.process_time() - began < 10


@pytest.mark.parametrize("seeds", [10**7, 2**62])
def test_too_many_points_are_refused_before_they_are_expanded(faults_of, seeds):
    began = time.process_time()

    (fault,) = faults_of("task: latch\ncell: rnn\n", f"seeds={seeds}")

    assert f"{seeds:,} points" in fault
    assert time.process_time() - began < 2


def test_entries_are_those_of_the_requests_one_by_one(grid_of):
    request = grid_of(
        """
        task: {name: latch, length: [5, 9]}
        cell: [rnn, {name: lstm, forget_bias: [0, 3]}]
        clipper: {name: global_norm, max_norm: 1}
        exclude: [{cell: rnn, task.length: 9}]
        include: [{cell: gru}]
        seeds: [0, 7, 123456789]
        """
    )

    entries = [(e.config, e.seed, e.name, e.identity) for e in request.entries()]

    assert entries == [(r.config, r.spec.seed, r.name, r.identity) for r in request]
    assert len({identity for *_, identity in entries}) == len(request)


SAME = {
    "windows": ("training: {truncation: 5}", "training: {truncation: 5, truncation_every: 5}"),
    "probes": ("training: {steps: 5000}", "training: {steps: 5000}\nstatistics: {interval: 200}"),
    "probes of a short run": (
        "statistics: {anchors: 3}",
        "statistics: {anchors: 3, interval: 100}",
    ),
    "embedding": ("task: agreement", "task: agreement\nmodel: {embedding_size: 16}"),
    "highway": (
        "model: {skip: highway, layers: 2}",
        "model: {skip: highway, layers: 2, highway_bias: -2}",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_what_says_the_same_as_its_default_is_the_same_run(run_of, grid_of, name):
    found = []
    for content in SAME[name]:
        content += "\ncell: rnn\n"
        content += "" if "task:" in content else "task: {name: latch, length: 20}\n"
        run = run_of(content)
        assert [point.identity for point in grid_of(content)] == [run.identity]
        assert run.spec.identity(run.plugins, run.data) == run.identity
        found.append(run.identity)

    assert found[0] == found[1]


def test_what_differs_from_its_default_is_another_run(run_of):
    content = "task: {name: latch, length: 20}\ncell: rnn\n"
    files = ["", "statistics: {interval: 99}", "statistics: {interval: 0}"]
    files += ["training: {steps: 5000}\nstatistics: {interval: 100}", "training: {steps: 5000}"]

    assert len({run_of(content + file).identity for file in files}) == 5


def test_points_that_only_say_a_default_are_refused_as_twins(faults_of):
    content = "task: {name: latch, length: 20}\ncell: rnn\n"

    (windows,) = faults_of(content + "training: {truncation: 5, truncation_every: [null, 5]}\n")
    (probes,) = faults_of(content + "statistics: {interval: [null, 100]}\n")

    assert "equal once every default is filled in" in windows
    assert "points 0 and 1 are equal once every default is filled in" in probes
