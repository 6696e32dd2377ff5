"""How training sets the thread it runs in."""

import subprocess
import sys

import pytest
import torch

PROGRAM = """
import torch
from bptt.spec import RunSpec
from bptt.training import TrainingRun, train

torch.set_num_threads(2)
torch.set_flush_denormal(False)
tiny = torch.full((8,), 1e-40)
assert torch.get_num_threads() == 2
assert (tiny * 1).view(torch.int32).all()
spec = RunSpec.model_validate(
    {
        "task": {"name": "latch"},
        "cell": {"name": "rnn"},
        "model": {"hidden_size": 4},
        "training": {"steps": 1, "batch_size": 2, "evaluation_size": 2},
        "statistics": {"interval": 0},
    }
)
for _ in train(TrainingRun(spec)):
    pass
print(torch.get_num_threads(), (tiny * 1).view(torch.int32).tolist())
"""


def test_training_uses_one_thread_and_flushes_denormals():
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush denormals")

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False
    )

    assert done.stderr == ""
    # the bits, because a comparison flushes too
    assert done.stdout.split("\n")[0] == "1 [0, 0, 0, 0, 0, 0, 0, 0]"
