"""What a task makes wrongly of predictions is said in one line: the task, the batch, the shapes."""

from dataclasses import replace

import pytest
import torch

from bptt.errors import ContractViolation
from bptt.execution.failure import cause_of
from bptt.training import TrainingRun
from bptt_plugins.tasks.adding import Adding


def ends_process(self, outputs, batch):
    raise SystemExit(0)


def does_not_fit(self, outputs, batch):
    return outputs - torch.ones(7, 3, 2)


WRONG = {
    "a scalar": (
        "losses",
        lambda s, o, b: o.mean(),
        r"shape \(\d+,\); got .* \(\)",
    ),
    "an axis more": (
        "losses",
        lambda s, o, b: o**2,
        r"shape \(\d+,\); got .* of \(\d+, 1\)",
    ),
    "no tensor": ("losses", lambda s, o, b: 1.0, r"shape \(\d+,\); got float"),
    "an error": ("losses", does_not_fit, r"raised RuntimeError: The size of tensor"),
    "an end": ("losses", ends_process, r"raised SystemExit: 0"),
    "metrics that are no mapping": ("metrics", lambda s, o, b: [o.mean()], r"numbers by name"),
    "metrics with axes": ("metrics", lambda s, o, b: {"mse": o}, r"got 'mse': .* of \(\d+, 1\)"),
    "metrics without the one": ("metrics", lambda s, o, b: {"mae": o.mean()}, r"'mse' among them"),
}
METHODS = [pytest.param(*case, id=name) for name, case in WRONG.items()]


@pytest.mark.parametrize(("method", "wrong", "said"), METHODS)
def test_a_wrong_score_of_an_evaluation_set_is_refused(make_spec, monkeypatch, method, wrong, said):
    spec = make_spec("adding", "rnn")
    run = TrainingRun(spec)
    monkeypatch.setattr(Adding, method, wrong)

    with pytest.raises(ContractViolation, match=said) as told:
        run.advance()

    line = str(told.value)
    assert line.startswith(f"Adding.{method} ")
    assert "(evaluation set: outputs (" in line
    assert "targets (" in line
    assert "\n" not in line
    assert cause_of(told.value, spec.model_dump()) == "plugin_error"


@pytest.mark.parametrize("backend", ["compiled", "autograd"])
@pytest.mark.parametrize(("method", "wrong", "said"), METHODS)
def test_a_wrong_score_of_a_training_batch_is_refused(
    make_spec, monkeypatch, method, wrong, said, backend
):
    monkeypatch.setenv("BPTT_BACKEND", backend)
    # a task with losses of its own, whichever method is wrong
    right = Adding.losses
    monkeypatch.setattr(Adding, "losses", lambda self, o, b: right(self, o, b))
    run = TrainingRun(make_spec("adding", "rnn", training={"steps": 40, "evaluate_every": 40}))
    for _ in range(3):
        run.advance()
    monkeypatch.setattr(Adding, method, wrong)

    with pytest.raises(ContractViolation, match=said) as told:
        run.advance()

    assert "(training batch 2: outputs (" in str(told.value)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda s, o, b: (o.mean(), o),
        lambda s, o, b: (o[..., 0], o[..., 0]),
        lambda s, o, b: o,
        lambda s, o, b: (o[..., 0], None),
    ],
)
def test_wrong_derivatives_are_refused(make_spec, monkeypatch, wrong):
    monkeypatch.setenv("BPTT_BACKEND", "compiled")
    monkeypatch.setattr(Adding, "loss_gradients", wrong)
    run = TrainingRun(make_spec("adding", "rnn"))
    run.advance()

    with pytest.raises(ContractViolation, match=r"^Adding\.loss_gradients must return .* deriv"):
        run.advance()


def test_more_steps_than_the_extent_says_are_refused(make_spec, monkeypatch):
    sample = Adding.sample

    def longer(self, generator, size):
        batch = sample(self, generator, size)
        return replace(batch, inputs=torch.cat([batch.inputs, batch.inputs]))

    run = TrainingRun(make_spec("adding", "rnn"))
    run.advance()
    monkeypatch.setattr(Adding, "sample", longer)

    with pytest.raises(ContractViolation, match=r"at most the \d+ steps that `extent` says; got"):
        run.advance()
