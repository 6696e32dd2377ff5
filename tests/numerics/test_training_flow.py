"""Norms of the gradient at every update: the same whoever measures them, and however many."""

import pytest
import torch

from bptt.kernels.compiled.repeated import REMEMBERED
from bptt.measuring.training_flow import TrainingFlow
from bptt.training import TrainingRun, train

STEPS = REMEMBERED + 9
"""More updates than the kernels remember the norms of."""


def measured(make_spec, monkeypatch, backend, cell, batch_size):
    """Return what a run of hardly changing weights measured while it trained."""
    monkeypatch.setenv("BPTT_BACKEND", backend)
    spec = make_spec(
        {"name": "adding", "length": 20, "variant": "pascanu"},
        cell,
        # no multiple of any width of vectors
        model={"hidden_size": 17},
        optimizer={"name": "sgd", "lr": 1e-6},
        training={"steps": STEPS, "evaluate_every": STEPS, "batch_size": batch_size},
        statistics={"interval": STEPS, "jacobian_interval": 0},
    )
    last = list(train(TrainingRun(spec)))[-1]
    return {name: a for name, a in last.probe.items() if name.startswith("train_flow/")}


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("batch_size", [5, 33])
def test_kernels_measure_at_every_update_what_autograd_does(
    make_spec, monkeypatch, cell, batch_size
):
    found = measured(make_spec, monkeypatch, "compiled", cell, batch_size)
    expected = measured(make_spec, monkeypatch, "autograd", cell, batch_size)

    assert found.keys() == expected.keys()
    assert found
    for name, norms in expected.items():
        torch.testing.assert_close(found[name], norms, rtol=1e-4, atol=1e-12, msg=name)
        # each update counts once: neither a mean of the last ones nor a largest of some
        assert (found[name][0] < found[name][1]).any()


def test_checkpoint_of_norms_without_parts_goes_on():
    flow = TrainingFlow()
    state = flow.state_dict() | {"kept": {"0/forward": [torch.ones(1, 4, dtype=torch.float64)]}}

    flow.load_state_dict(state)

    _, arrays = flow.take(["h"])
    assert arrays["train_flow/0/forward/h"].tolist() == [[1.0] * 4] * 2
