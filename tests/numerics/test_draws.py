"""Random numbers of a step: what they are functions of, and that every backend draws the same."""

import math

import pytest
import torch
from torch import tanh

from bptt.contracts import PointwiseCell
from bptt.contracts.draws import Draws, threefry
from bptt.kernels import Runner
from bptt.training import TrainingRun, train
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.zoneout_lstm import ZoneoutLSTM
from tests.numerics.test_resume_state import advance_to, resumed, start

BACKENDS = ["autograd", "sequence", "compiled"]
WORD = 2**32 - 1


class Drawing(PointwiseCell):
    """Has as states what it draws: two names, one of them twice, normal ones, and once for all."""

    states = ("u", "other", "again", "n", "always", "h")
    preactivations = {"a": "x+h"}
    vectors = {"p": (0.0, 1.0)}

    def step(self, a, u, other, again, n, always, h, p):
        mixed = torch.where(self.uniform("mask") < p, h, tanh(a)) + 0.1 * self.normal("n")
        once = self.uniform("u", once=True)
        return (
            self.uniform("u"),
            self.uniform("other"),
            1 * self.uniform("u"),
            self.normal("n"),
            once,
            mixed,
        )


def drawn(backend, dtype=torch.float64, time=9, batch=40, hidden=37, of=(3, "training", 5), **at):
    """Return what each state was at each step, by its name."""
    torch.manual_seed(0)
    cell = Drawing(2, hidden).to(dtype)
    cell.draws.of = of
    x = torch.randn(12, 64, 2, dtype=torch.float64)[:time, :batch].to(dtype)
    runner = Runner(backend)
    with torch.no_grad(), cell.draws.at(**at):
        found = runner.unroll(cell, x, cell.initial_state(batch)).states
    assert runner.backend == backend
    return dict(zip(cell.states, found, strict=True))


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        (0, (0, 0), (0x6B200159, 0x99BA4EFE)),
        (2**64 - 1, (WORD, WORD), (0x1CB996FC, 0xBB002BE7)),
        (0x0370734413198A2E, (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_published_answers_of_random123(key, counter, expected):
    found = threefry(key, *(torch.tensor(word) for word in counter))

    assert tuple(int(word) for word in found) == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("backend", ["sequence", "compiled"])
def test_every_backend_draws_the_same(backend, dtype):
    theirs, ours = drawn("autograd", dtype), drawn(backend, dtype)

    for name in ("u", "other", "again", "always"):
        assert torch.equal(ours[name], theirs[name])
    tolerance = 1e-14 if dtype == torch.float64 else 3e-6
    for name in ("n", "h"):
        torch.testing.assert_close(ours[name], theirs[name], rtol=tolerance, atol=tolerance)


def test_kernel_for_a_smaller_processor_draws_the_same(smaller_processor):
    ours, theirs = drawn("compiled", torch.float32), drawn("autograd", torch.float32)

    assert torch.equal(ours["u"], theirs["u"])
    torch.testing.assert_close(ours["n"], theirs["n"], rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_float64_copy_draws_the_numbers_of_float32(backend):
    exact, rounded = drawn(backend, torch.float64), drawn(backend, torch.float32)

    assert torch.equal(exact["u"], rounded["u"].double())
    torch.testing.assert_close(exact["n"], rounded["n"].double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_neither_batch_nor_length_changes_what_a_sequence_draws(backend):
    many, few = drawn(backend, time=12, batch=64), drawn(backend, time=4, batch=3)

    for name, found in few.items():
        assert torch.equal(found, many[name][:4, :3]), name


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_may_be_another_sequence_that_begins_later(backend):
    whole = drawn(backend, time=12, batch=6)
    part = drawn(
        backend, time=3, batch=2, sequences=torch.tensor([5, 1]), begins=torch.tensor([7, 2])
    )

    for name in ("u", "n", "always"):
        assert torch.equal(part[name][:, 0], whole[name][7:10, 5]), name
        assert torch.equal(part[name][:, 1], whole[name][2:5, 1]), name


def test_one_name_gives_the_same_numbers_and_once_is_for_all_steps():
    found = drawn("compiled")

    assert torch.equal(found["u"], found["again"])
    assert torch.equal(found["always"], found["always"][:1].expand_as(found["always"]))
    assert not torch.equal(found["always"][0], found["u"][0])


def test_numbers_are_spread_as_they_should_be_and_do_not_hang_together():
    size = {"time": 12, "batch": 64, "hidden": 64}
    found = drawn("compiled", **size)
    uniform, other, normal = found["u"], found["other"], found["n"]
    count = uniform.numel()

    # six standard errors
    assert abs(float(uniform.mean()) - 0.5) < 6 * (12 * count) ** -0.5
    for rate in (0.05, 0.25, 0.5, 0.9):
        share = float((uniform < rate).double().mean())
        assert abs(share - rate) < 6 * (rate * (1 - rate) / count) ** 0.5
    assert abs(float(normal.mean())) < 6 * count**-0.5
    assert abs(float(normal.square().mean()) - 1) < 6 * (2 / count) ** 0.5
    assert abs(float(normal.pow(4).mean()) - 3) < 6 * (96 / count) ** 0.5
    beyond = math.erfc(2 / 2**0.5)
    assert abs(float((normal.abs() > 2).double().mean()) - beyond) < 6 * (beyond / count) ** 0.5
    pairs = {
        "names": (uniform, other),
        "steps": (uniform[1:], uniform[:-1]),
        "sequences": (uniform[:, 1:], uniform[:, :-1]),
        "units": (uniform[..., 1:], uniform[..., :-1]),
        "kinds": (uniform, normal),
        "updates": (
            uniform,
            drawn("compiled", of=(3, "training", 6), **size)["u"],
        ),
        "seeds": (
            uniform,
            drawn("compiled", of=(4, "training", 5), **size)["u"],
        ),
    }
    for what, (one, another) in pairs.items():
        both = torch.stack([one.flatten(), another.flatten()])
        assert abs(float(torch.corrcoef(both)[0, 1])) < 6 * one.numel() ** -0.5, what


def test_layers_and_directions_draw_each_their_own(make_spec):
    spec = make_spec(
        {"name": "right_context"}, "zoneout_lstm", model={"layers": 2, "bidirectional": True}
    )
    run = TrainingRun(spec)

    keys = set()
    for stream, index in (("training", 0), ("training", 1), ("evaluation", 0)):
        run.model.draw(stream, index)
        for layer in run.model.stack.each_layer():
            keys |= {cell.draws.where.key for cell in layer.by_direction().values()}

    assert len(keys) == 12


def test_draws_are_those_of_the_step_that_a_statistic_looks_at():
    draws = Draws()
    draws.begin(torch.empty(6, 3, dtype=torch.float64))
    t, sequences = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([0, 1, 0, 1, 0, 1])
    with draws.at(sequences, t=t):
        flat = draws.uniform("u", once=False)
    draws.begin(torch.empty(2, 3, dtype=torch.float64))
    with draws.at(t=2):
        last = draws.uniform("u", once=False)

    assert torch.equal(flat[4:], last)


def test_step_that_asks_whether_it_is_trained_has_two_programs_that_are_kept():
    torch.manual_seed(0)
    cell, runner = ZoneoutLSTM(2, 5), Runner("compiled")
    trained = runner.kernel(cell, torch.float32)
    evaluated = runner.kernel(cell.eval(), torch.float32)

    assert trained.draws
    assert not evaluated.draws
    assert runner.kernel(cell.train(), torch.float32) is trained
    assert runner.kernel(cell.eval(), torch.float32) is evaluated


def test_step_that_does_not_ask_has_one_program():
    cell, runner = LSTM(2, 5), Runner("compiled")
    trained = runner.kernel(cell, torch.float32)

    assert runner.kernel(cell.eval(), torch.float32) is trained


@pytest.mark.parametrize("killed_at", [1, 7, 30])
@pytest.mark.parametrize(
    "cell",
    [{"name": "zoneout_lstm"}, {"name": "variational_lstm"}, {"name": "leaky_rnn", "noise": 0.3}],
)
def test_resumed_run_draws_what_an_undisturbed_one_draws(make_spec, cell, killed_at):
    spec = make_spec(
        {"name": "adding", "length": 10},
        cell,
        training={"steps": 40, "evaluate_every": 7, "stop_when_solved": False},
        statistics={"interval": 8, "jacobian_interval": 8},
    )
    calm, killed = start(spec), start(spec)
    series = advance_to(calm, 40)
    advance_to(killed, killed_at)

    again = resumed(killed, spec)
    rest = advance_to(again, 40)

    assert torch.equal(again.parameters.flat, calm.parameters.flat)
    assert {s: m for s, m in series.items() if s > killed_at} == rest


def test_evaluations_of_the_same_weights_draw_the_same(make_spec):
    cell = {"name": "leaky_rnn", "noise": 0.5}
    run = TrainingRun(make_spec(cell=cell, training={"steps": 3}))
    for _ in train(run):
        pass

    first, second = (run.evaluation.measure(run.model, 3) for _ in range(2))

    assert first["eval/loss"] == second["eval/loss"]
    assert run.model.training


@pytest.mark.parametrize("backend", ["autograd", "compiled"])
def test_windows_that_overlap_draw_what_their_sequences_draw(make_spec, monkeypatch, backend):
    monkeypatch.setenv("BPTT_BACKEND", backend)
    spec = make_spec(
        {"name": "copy_memory", "delay": 8},
        "zoneout_lstm",
        training={"truncation": 6, "truncation_every": 2, "dtype": "float64"},
    )
    run = TrainingRun(spec)
    batch, _ = run.data.batch(0)
    forward, _ = run.passes.run(batch, None)
    windows = run.model.windows(batch)

    (of_windows,), (whole,) = (
        [layer["forward"].states[1] for layer in layers]
        for layers in (forward.layers, forward.whole)
    )

    assert len(windows.sequence) > 3 * batch.inputs.shape[1]
    torch.testing.assert_close(windows.pick(of_windows), whole, rtol=1e-12, atol=1e-14)


def test_probes_of_the_same_weights_find_the_same(make_spec):
    spec = make_spec(
        {"name": "latch", "length": 12},
        "zoneout_lstm",
        training={"steps": 4},
        statistics={"interval": 2, "jacobian_interval": 2},
    )
    run = TrainingRun(spec)

    (_, first), (_, second) = (run.probe.measure(step, last=True) for step in (0, 2))

    assert first.keys() == second.keys()
    for name, array in first.items():
        torch.testing.assert_close(array, second[name], rtol=0, atol=0, equal_nan=True)
