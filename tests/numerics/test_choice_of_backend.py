"""Which backend runs a cell, why, and that nothing stale is ever run."""

import ctypes
import inspect
import resource

import pytest
import torch

from bptt.errors import InvalidSetting
from bptt.kernels import Runner
from bptt.kernels.autograd import unroll
from bptt.kernels.step.recorder import NotTraceable
from bptt.kernels.step.tracing import trace
from bptt.training import TrainingRun, train
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.rnn import RNN
from tests.numerics import strange_cells as strange


def outputs(runner, cell):
    torch.manual_seed(2)
    x = torch.randn(5, 3, 2)
    return runner.unroll(cell, x, cell.initial_state(3)).outputs


def make(cell_class, **options):
    torch.manual_seed(0)
    return cell_class(2, 4, **options)


@pytest.mark.parametrize(
    ("cell_class", "reason"),
    [
        (strange.Plain, "Plain is no PointwiseCell"),
        (strange.Unknown, "Unknown.step uses special_bessel_j0.default"),
        (strange.OwnParameter, "OwnParameter.step uses a tensor that is not one of its arguments"),
        (strange.OwnProjection, "OwnProjection has a `project_input` of its own"),
    ],
)
def test_cell_that_cannot_be_compiled_runs_by_autograd_with_the_reason(cell_class, reason):
    cell, runner = make(cell_class), Runner("auto")

    found = outputs(runner, cell)

    assert runner.backend == "autograd"
    assert runner.reason.startswith(reason)
    torch.manual_seed(2)
    expected = unroll(cell, torch.randn(5, 3, 2), cell.initial_state(3)).outputs
    assert torch.equal(found, expected)


def test_step_that_changes_its_cell_at_every_step_is_not_compiled():
    runner = Runner("auto")

    found = outputs(runner, make(strange.Counting))

    assert runner.backend == "autograd"
    assert runner.reason == "Counting.step changes attributes of its own cell"
    # tracing has counted too, and the count goes on
    assert found[-1].abs().max() < found[0].abs().max()


def test_step_that_keeps_what_it_worked_out_is_compiled():
    cell, runner = make(strange.Keeping), Runner("auto")

    outputs(runner, cell)

    assert (runner.backend, runner.reason) == ("compiled", "")


@pytest.mark.parametrize("wanted", ["compiled", "sequence"])
def test_backend_that_was_asked_for_and_cannot_is_one_clear_line(wanted):
    with pytest.raises(InvalidSetting) as caught:
        Runner(wanted).prepare(make(strange.Unknown), torch.float32)

    lines, first = inspect.getsourcelines(strange.Unknown.step)
    number = first + next(n for n, line in enumerate(lines) if "bessel_j0" in line)
    assert str(caught.value) == (
        f"BPTT_BACKEND is {wanted}, which cannot run Unknown: Unknown.step uses "
        "special_bessel_j0.default, which is not known to be pointwise "
        f"({strange.__file__}:{number}). Set BPTT_BACKEND=auto to train with what can."
    )


def test_without_a_compiler_torchs_operations_give_the_same(monkeypatch):
    cell = make(LSTM)
    compiled = outputs(Runner("auto"), cell)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    runner = Runner("auto")

    found = outputs(runner, cell)

    assert runner.backend == "sequence"
    assert runner.reason == "no C compiler: none of cc, gcc, clang is installed"
    torch.testing.assert_close(found, compiled, rtol=1e-5, atol=1e-6)


def test_changed_option_is_a_new_kernel():
    cell, runner = make(strange.Scaled, alpha=1.0), Runner("compiled")
    before = outputs(runner, cell)

    cell.alpha = 0.5

    assert not torch.equal(outputs(runner, cell), before)
    torch.testing.assert_close(outputs(runner, cell), outputs(Runner("autograd"), cell))


def test_changed_step_is_a_new_kernel(monkeypatch):
    cell, runner = make(strange.Scaled), Runner("compiled")
    before = outputs(runner, cell)

    monkeypatch.setattr(strange.Scaled, "step", lambda self, a, h: torch.relu(a) - h)

    assert not torch.equal(outputs(runner, cell), before)
    torch.testing.assert_close(outputs(runner, cell), outputs(Runner("autograd"), cell))


def test_setting_decides_for_a_whole_run(make_spec, monkeypatch):
    weights = {}
    for backend in ("auto", "compiled", "sequence", "autograd"):
        monkeypatch.setenv("BPTT_BACKEND", backend)
        run = TrainingRun(make_spec(cell="lstm", training={"dtype": "float64"}))
        for _ in train(run):
            pass
        assert run.model.backend == {"auto": "compiled"}.get(backend, backend)
        weights[backend] = run.parameters.flat.detach()

    assert torch.equal(weights["auto"], weights["compiled"])
    torch.testing.assert_close(weights["compiled"], weights["autograd"], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(weights["sequence"], weights["autograd"], rtol=1e-9, atol=1e-12)


def test_run_goes_on_under_another_backend(make_spec, monkeypatch):
    spec = make_spec(cell="gru", training={"dtype": "float64"})
    whole = TrainingRun(spec)
    for _ in train(whole):
        pass
    first = TrainingRun(spec)
    for report in train(first):
        if report.step == 3:
            break
    monkeypatch.setenv("BPTT_BACKEND", "autograd")
    second = TrainingRun(spec)
    second.load_state_dict(first.state_dict())
    for _ in train(second):
        pass

    torch.testing.assert_close(second.parameters.flat, whole.parameters.flat, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("flushed", [False, True])
def test_callers_setting_for_denormals_is_what_it_was(flushed):
    tiny = torch.full((8,), 1e-40)
    torch.set_flush_denormal(flushed)

    found = outputs(Runner("compiled"), make(LSTM))
    found.sum().backward()

    kept = bool((tiny * 1).view(torch.int32).all())
    torch.set_flush_denormal(False)
    assert kept is not flushed


def test_a_thousand_calls_take_no_more_memory():
    cell, runner = make(LSTM), Runner("compiled")
    x = torch.randn(50, 32, 2)

    def calls(count):
        for _ in range(count):
            runner.unroll(cell, x, cell.initial_state(32)).outputs.sum().backward()
            cell.zero_grad()

    calls(50)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    calls(1000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    # one call keeps 200 kilobytes; 1000 would be 200 megabytes
    assert grown < 20_000


def test_weights_changed_between_the_passes_are_noticed():
    cell = make(LSTM)
    unrolled = Runner("compiled").unroll(cell, torch.randn(5, 3, 2), cell.initial_state(3))
    with torch.no_grad():
        cell.recurrent_weight.mul_(2)

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        unrolled.outputs.sum().backward()


def test_kernel_is_loaded_from_the_folder_of_the_setting(monkeypatch, tmp_path):
    monkeypatch.setenv("BPTT_KERNEL_CACHE", str(tmp_path / "kernels"))

    outputs(Runner("compiled"), make(LSTM))

    (library,) = (tmp_path / "kernels").glob("*.so")
    assert ctypes.CDLL(str(library)).width() in (4, 8, 16)


def test_what_does_not_fit_together_is_refused_before_memory_is_read():
    cell, runner = make(LSTM), Runner("compiled")
    x, state = torch.randn(5, 3, 2), cell.initial_state(3)

    with pytest.raises(ValueError, match=r"inputs must be \(time, batch, 2\), got \(5, 3, 4\)"):
        runner.unroll(cell, torch.randn(5, 3, 4), state)
    with pytest.raises(ValueError, match=r"lengths must be \(3,\), got \(2,\)"):
        runner.unroll(cell, x, state, torch.tensor([1, 2]))
    with pytest.raises(ValueError, match=r"inputs are torch.float64, a weight or state is"):
        runner.unroll(cell, x.double(), state)
    with pytest.raises(RuntimeError, match="expand"):
        runner.unroll(cell, x, cell.initial_state(2))


def test_state_of_one_sequence_serves_all_and_short_integers_are_lengths():
    cell = make(LSTM)
    x, lengths = torch.randn(5, 3, 2), torch.tensor([1, 5, 3], dtype=torch.int32)
    state = tuple(torch.randn(1, 4, requires_grad=True) for _ in range(2))
    found = []
    for run in (Runner("compiled").unroll, unroll):
        wide = state if run is not unroll else tuple(s.expand(3, 4) for s in state)
        outputs = run(cell, x, wide, lengths).outputs
        found.append([outputs, *torch.autograd.grad(outputs.sum(), state)])

    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_step_that_decides_draws_or_returns_something_else_is_told_so():
    class Step(RNN):
        def step(self, a, h):
            return self.returned(a)

    cell = make(Step)
    reasons = []
    for returned in (
        lambda a: a.tanh() if a.sum().relu() > 0 else a,
        lambda a: a.tanh() if a > 0 else a,
        lambda a: torch.dropout(a, 0.5, True),
        lambda a: 3,
        lambda a: None,
    ):
        cell.returned = returned
        with pytest.raises(NotTraceable) as caught:
            trace(cell, torch.float32)
        reasons.append(str(caught.value))

    assert reasons[0].startswith("Step.step uses sum")
    assert reasons[1].startswith("Step.step raised RuntimeError: Boolean value of Tensor")
    assert reasons[1].count(f" ({__file__}:") == 1
    assert reasons[2].startswith("Step.step draws random numbers (")
    assert reasons[3:] == ["Step.step does not return one tensor like each state"] * 2
