"""What a task or clipper gets wrong is said in one line, whichever backend runs the cells."""

from dataclasses import replace

import pytest
import torch

from bptt.contracts import Batch
from bptt.errors import ContractViolation
from bptt.kernels.compiled.read_out import Losses, ReadOut
from bptt.kernels.compiled.update import load_update_kernel
from bptt.network.model import mean_loss
from bptt.training import TrainingRun
from bptt_plugins.clippers.global_norm import GlobalNorm
from bptt_plugins.tasks.char_lm import CharacterLanguageModel
from bptt_plugins.tasks.latch import Latch
from bptt_plugins.tasks.right_context import RightContext

BACKENDS = ["compiled", "sequence", "autograd"]


@pytest.fixture(params=BACKENDS)
def backend(request, monkeypatch):
    monkeypatch.setenv("BPTT_BACKEND", request.param)
    return request.param


@pytest.mark.parametrize("drawn", [0, 1, 40])
def test_task_that_draws_fewer_sequences_than_it_is_asked_for(
    make_spec, monkeypatch, backend, drawn
):
    sample = Latch.sample
    run = TrainingRun(make_spec({"name": "latch", "length": 12}, "rnn"))
    monkeypatch.setattr(
        Latch, "sample", lambda self, generator, size: sample(self, generator, drawn)
    )
    run.advance()

    with pytest.raises(ContractViolation, match=r"Latch\.sample must return as many sequences"):
        run.advance()


def test_text_whose_window_has_another_width(make_spec, monkeypatch, tmp_path, backend):
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question: " * 50)
    window = CharacterLanguageModel.window
    monkeypatch.setattr(
        CharacterLanguageModel, "window", lambda self, index, size: window(self, index, size - 1)
    )
    run = TrainingRun(make_spec({"name": "char_lm", "text": str(text), "window": 8}, "rnn"))
    run.advance()

    with pytest.raises(ContractViolation, match=r"window must return as many sequences"):
        run.advance()


def with_mask(batch, beyond):
    """Return a batch of which no first step counts, with `beyond` for its targets."""
    mask = torch.ones(batch.targets.shape, dtype=torch.bool)
    mask[0] = False
    targets = batch.targets.clone()
    targets[0] = beyond
    return Batch(batch.inputs, targets, mask, batch.lengths, batch.extra)


@pytest.mark.parametrize("beyond", [0, -100])
def test_classes_that_do_not_count_may_be_anything(make_spec, backend, beyond):
    exact = {"dtype": "float64"}
    run = TrainingRun(make_spec({"name": "right_context"}, "rnn", training=exact, seed=1))
    batch = run.data.batch(0)[0]

    _, mean = run.passes.run(with_mask(batch, beyond), None)
    found = run.parameters.gradients.flat.clone()
    _, expected = run.passes.run(with_mask(batch, 1), None)

    assert mean == expected
    assert torch.equal(found, run.parameters.gradients.flat)


def test_mask_without_any_position(make_spec, monkeypatch, backend):
    sample = RightContext.sample

    def masked(task, generator, size):
        batch = sample(task, generator, size)
        return replace(batch, mask=torch.zeros(batch.targets.shape, dtype=torch.bool))

    monkeypatch.setattr(RightContext, "sample", masked)
    statistics = {"interval": 10}
    run = TrainingRun(make_spec({"name": "right_context"}, "rnn", statistics=statistics))

    with pytest.raises(ContractViolation, match=r"RightContext\.sample must mark positions"):
        run.advance()


class Echo(RightContext):
    """Says what it read, at every step."""

    loss = "squared_error"
    class_weights = None


def test_numbers_that_do_not_count_may_be_anything():
    task = Echo()
    outputs = torch.randn(4, 3, 1, dtype=torch.float64, requires_grad=True)
    batch = with_mask(Batch(torch.zeros(4, 3, 1), torch.randn(4, 3)), torch.nan)

    mean = mean_loss(task, outputs, batch)
    (gradients,) = torch.autograd.grad(mean, outputs)
    kernel = load_update_kernel(torch.float64)
    # a read-out that changes nothing
    weight, bias = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    losses, to = Losses(kernel, 1, "squared_error"), (weight.clone(), bias.clone())
    read_out = ReadOut(kernel, weight, bias, to, losses, every=True)
    _, ours, to_outputs = read_out.run(outputs.detach(), batch.targets, batch.mask)

    assert ours == pytest.approx(mean.item(), rel=1e-12)
    torch.testing.assert_close(to_outputs, gradients, rtol=1e-12, atol=0)
    assert torch.equal(gradients[0], torch.zeros(3, 1, dtype=torch.float64))


@pytest.mark.parametrize("given", [-0.5, float("nan"), float("inf"), "half"])
def test_factor_that_is_none(make_spec, monkeypatch, backend, given):
    monkeypatch.setattr(GlobalNorm, "scale_of_norm", lambda self, norm: given)
    run = TrainingRun(make_spec({"name": "latch", "length": 12}, clipper={"name": "global_norm"}))
    run.advance()

    with pytest.raises(ContractViolation, match=r"GlobalNorm\.scale_of_norm must be a finite"):
        run.advance()


@pytest.mark.parametrize("given", [torch.tensor(0.5), 1, 0, False])
def test_factor_may_be_whatever_is_a_number(make_spec, monkeypatch, given):
    monkeypatch.setattr(GlobalNorm, "scale_of_norm", lambda self, norm: given)
    run = TrainingRun(make_spec({"name": "latch", "length": 12}, clipper={"name": "global_norm"}))
    for _ in range(3):
        run.advance()

    state = run.window.state_dict()
    assert all(type(value) in (int, float) for value in state.values())
    assert state["clipped"] == (0 if given == 1 else state["updates"])
