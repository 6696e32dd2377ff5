"""A worker whose BPTT_BACKEND cannot run what is queued says so, and burns one run, not a grid."""

import os

import pytest

from bptt import store
from tests.integration.worker.queue import GRID

PLAIN = """
import torch
from torch import nn
from bptt.contracts import Cell

class Plain(Cell):
    "A cell that is no PointwiseCell."
    states = ("h",)

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.inner = nn.RNNCell(input_size, hidden_size)

    def forward(self, x_t, state):
        return (self.inner(x_t, state[0]),)
"""


@pytest.fixture
def plain(tmp_path, monkeypatch):
    """Install a cell that no kernel runs, for this process and what it starts; return its name."""
    site = tmp_path / "site"
    metadata = site / "acme_plain-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Name: acme-plain\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[bptt.cells]\nplain = acme_plain:Plain\n")
    (site / "acme_plain.py").write_text(PLAIN)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    return "plain"


def check_held(queue, ids, backend, why):
    """Wait until the first run of a grid has failed at once, and see that no other has begun."""
    first, *rest = ids
    queue.wait([first], "failed")
    failure = queue.run(first).failure
    line = f"BPTT_BACKEND is {backend}, which {why}. Set BPTT_BACKEND=auto to train with what can."
    assert (failure["cause"], failure["message"]) == ("invalid_setting", line)
    assert queue.run(first).attempt == 1
    assert queue.statuses(rest) == ["queued"] * len(rest)
    held = store.get_grid(queue.database, queue.run(first).grid_id).held_reason
    assert held == f"its first run failed at once: invalid_setting: {line}"


def test_a_backend_that_cannot_run_the_cell_fails_the_first_run_and_holds_the_rest(
    queue, start_worker, plain
):
    first, *rest = queue.submit(text=GRID.replace("cell: rnn", f"cell: {plain}"), seeds=4)
    wrong = start_worker(backend="compiled")
    why = "cannot run Plain: Plain is no PointwiseCell, so its step is not known"
    check_held(queue, [first, *rest], "compiled", why)
    wrong.drain()

    # the setting is put right, and nothing else has to be
    start_worker()
    (again,) = store.retry(queue.database, user="ada", grid_id=queue.run(first).grid_id)
    queue.wait([again, *rest])


def test_so_does_a_machine_without_the_compiler_that_was_asked_for(
    queue, start_worker, monkeypatch
):
    ids = queue.submit(seeds=4)
    with monkeypatch.context() as without:
        without.setenv("PATH", "")
        without.delenv("CC", raising=False)
        start_worker(backend="compiled")

    why = "cannot run RNN: no C compiler: none of cc, gcc, clang is installed"
    check_held(queue, ids, "compiled", why)


def test_a_worker_with_a_backend_that_does_not_exist_begins_nothing(queue, start_worker):
    (run_id,) = queue.submit()

    worker = start_worker(ready=False, backend="fast")

    assert worker.process.wait(400) == 2
    assert worker.log.read_text().splitlines() == [
        "BPTT_BACKEND must be auto or compiled or sequence or autograd, got 'fast'; "
        "did you mean 'auto'?"
    ]
    assert queue.statuses([run_id]) == ["queued"]
