"""`bptt plugins check` says of a broken plugin what is wrong and on which line of its author's."""

import os
import sys

import pytest

from tests.servers import warm

STEP = """
from torch import dropout, tanh
from bptt.contracts import PointwiseCell
class Mine(PointwiseCell):
    states = ("h",)
    preactivations = {"a": "x+h"}
    def step(self, a, h):
        RETURN
"""
NORMED = """
import torch
from bptt.contracts import Cell
class Mine(Cell):
    states = ("h",)
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.linear = torch.nn.Linear(input_size + hidden_size, hidden_size)
        self.norm = torch.nn.BatchNorm1d(hidden_size)
    def forward(self, x_t, state):
        return (self.norm(self.linear(torch.cat([x_t, state[0]], -1))),)
"""


@pytest.mark.parametrize(
    ("source", "fault", "line"),
    [
        (STEP.replace("RETURN", "return 3"), "Mine.step must return one tensor, got int.", 0),
        (STEP.replace("RETURN", "return dropout(a, 0.5, True)"), "draws random numbers", 8),
        (STEP.replace("RETURN", "return tanh(a) if a.sum() > 0 else a"), "value of a tensor", 8),
        (STEP.replace("RETURN", "return h.copy_(tanh(a))"), "it writes into h", 8),
        (NORMED, "changes norm.num_batches_tracked, norm.running_mean", 11),
    ],
)
def test_check_names_cause_and_place_in_one_line(install_plugin, tmp_path, source, fault, line):
    install_plugin("[bptt.cells]\nmine = acme_mine:Mine\n", source=source)
    paths = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), *sys.path])}

    done = warm.run("plugins", "check", "mine", env={**os.environ, **paths})

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("acme-clippers[mine] 1.2: Mine.")
    assert fault in done.stderr
    assert line == 0 or f"acme_mine.py:{line})" in done.stderr
