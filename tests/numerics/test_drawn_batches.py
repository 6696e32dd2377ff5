"""Whatever a task draws wrongly is said in one line, at the batch where it happens."""

from dataclasses import replace

import pytest
import torch

from bptt.errors import ContractViolation
from bptt.execution.failure import cause_of
from bptt.training import TrainingRun
from bptt_plugins.tasks.adding import Adding
from bptt_plugins.tasks.copy_memory import CopyMemory
from bptt_plugins.tasks.latch import Latch


def set_to(tensor, value):
    tensor = tensor.clone()
    tensor.view(-1)[0] = value
    return tensor


def lengths(batch, value):
    given = torch.full((batch.inputs.shape[1],), batch.inputs.shape[0])
    given[0] = value
    return replace(batch, lengths=given)


WRONG = {
    "length of 0": (Latch, lambda b: lengths(b, 0), r"lengths in 1 \.\. \d+; got 0 "),
    "length below 0": (Latch, lambda b: lengths(b, -3), r"lengths in 1 \.\. \d+; got -3 "),
    "length beyond": (Latch, lambda b: lengths(b, 10**7), r"lengths in 1 .*; got 10000000 "),
    "lengths as floats": (
        Latch,
        lambda b: replace(lengths(b, 2), lengths=lengths(b, 2).lengths.double()),
        r"lengths of torch\.int64",
    ),
    "token beyond": (
        CopyMemory,
        lambda b: replace(b, inputs=set_to(b.inputs, 99)),
        r"tokens in 0 .*; got 99 ",
    ),
    "token below 0": (
        CopyMemory,
        lambda b: replace(b, inputs=set_to(b.inputs, -1)),
        r"tokens in 0 .*; got -1 ",
    ),
    "tokens as int32": (
        CopyMemory,
        lambda b: replace(b, inputs=b.inputs.int()),
        r"tokens of torch\.int64",
    ),
    "features": (
        Adding,
        lambda b: replace(b, inputs=b.inputs[..., :1]),
        r"inputs of the shape",
    ),
    "features as integers": (
        Adding,
        lambda b: replace(b, inputs=b.inputs.long()),
        r"features that are floats",
    ),
    "no steps": (Latch, lambda b: replace(b, inputs=b.inputs[:0]), r"no axis empty"),
    "targets of a step": (
        CopyMemory,
        lambda b: replace(b, targets=b.targets[0]),
        r"targets of the shape",
    ),
    "targets with an axis": (
        Latch,
        lambda b: replace(b, targets=b.targets.unsqueeze(-1)),
        r"targets of the shape",
    ),
    "class beyond": (
        Latch,
        lambda b: replace(b, targets=set_to(b.targets, 7)),
        r"classes as .* got 7 ",
    ),
    "classes as floats": (
        Latch,
        lambda b: replace(b, targets=b.targets.double()),
        r"classes of torch\.int64",
    ),
    "numbers as integers": (
        Adding,
        lambda b: replace(b, targets=b.targets.long()),
        r"targets that are floats",
    ),
    "mask of a sequence": (
        Latch,
        lambda b: replace(b, mask=torch.ones(3, dtype=torch.bool)),
        r"a mask of torch\.bool",
    ),
    "mask as numbers": (
        CopyMemory,
        lambda b: replace(b, mask=torch.ones(b.targets.shape)),
        r"a mask of torch\.bool",
    ),
    "extra": (Latch, lambda b: replace(b, extra={"a": torch.ones(1)}), r"extra\['a'\]"),
    "no batch": (Latch, lambda b: (b.inputs, b.targets), r"must return a Batch; got tuple"),
    "no targets": (Latch, lambda b: replace(b, targets=None), r"targets as a tensor; got NoneType"),
}


NAMES = {Latch: "latch", CopyMemory: "copy_memory", Adding: "adding"}


@pytest.mark.parametrize("backend", ["compiled", "autograd"])
@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_batch_of_training_is_refused_by_its_number(make_spec, monkeypatch, case, backend):
    monkeypatch.setenv("BPTT_BACKEND", backend)
    task, spoil, said = WRONG[case]
    spec = make_spec(NAMES[task], "rnn", training={"steps": 40, "evaluate_every": 40})
    run = TrainingRun(spec)
    sample = task.sample
    for _ in range(17):
        run.advance()
    monkeypatch.setattr(task, "sample", lambda self, g, n: spoil(sample(self, g, n)))

    with pytest.raises(ContractViolation, match=said) as told:
        run.advance()

    assert "\n" not in str(told.value)
    assert f"{task.__name__}.sample must return" in str(told.value)
    assert "training batches 16 to 31" in str(told.value)
    assert cause_of(told.value, spec.model_dump()) == "plugin_error"


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_evaluation_set_is_refused(make_spec, monkeypatch, case):
    task, spoil, said = WRONG[case]
    sets = task.evaluation_sets
    monkeypatch.setattr(
        task,
        "evaluation_sets",
        lambda self, g, n: {name: spoil(b) for name, b in sets(self, g, n).items()},
    )

    with pytest.raises(ContractViolation, match=said) as told:
        TrainingRun(make_spec(NAMES[task], "rnn"))

    assert "evaluation set" in str(told.value)
