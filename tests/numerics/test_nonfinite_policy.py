"""What a run does with gradients that are not finite, before its clipper sees them."""

import pytest
import torch

from bptt.contracts import Clipper, ClipReport, joint_norm
from bptt.training import TrainingRun
from bptt.training.run import HOPELESS
from bptt_plugins.clippers.global_norm import GlobalNorm

LR = 0.5


class Recording(Clipper):
    """Keeps what it is given and hands it to another clipper."""

    def __init__(self, inner):
        self.inner = inner
        self.seen = []

    def clip(self, gradients, parameters, state):
        self.seen.append({name: g.clone() for name, g in gradients.items()})
        clipped, state, report = self.inner.clip(gradients, parameters, state)
        assert isinstance(report, ClipReport)
        return clipped, state, report


def make_run(make_spec, monkeypatch, policy, bad, steps=6, max_norm=0.01):
    """Return a run whose gradient is spoilt at the updates `bad`, and its recording clipper."""
    spec = make_spec(
        "latch",
        optimizer={"name": "sgd", "lr": LR},
        training={
            "steps": steps,
            "dtype": "float64",
            "nonfinite": policy,
            "stop_when_solved": False,
            "evaluate_every": 1000,
        },
    )
    run = TrainingRun(spec)
    clipper = Recording(GlobalNorm(max_norm=max_norm))
    monkeypatch.setattr(run, "clipper", clipper)

    def spoil(gradient):
        if run.step not in bad:
            return gradient
        spoilt = gradient.clone()
        spoilt[0, :3] = torch.tensor([torch.nan, torch.inf, -torch.inf], dtype=gradient.dtype)
        return spoilt

    run.model.read_out.weight.register_hook(spoil)
    # the measurement before the first update
    run.advance()
    return run, clipper


def finish(run):
    while run.outcome is None:
        run.advance()
    return run.outcome


@pytest.mark.parametrize(("policy", "calls"), [("raise", 1), ("skip", 3), ("zero", 6)])
def test_clipper_never_sees_a_gradient_that_is_not_finite(make_spec, monkeypatch, policy, calls):
    run, clipper = make_run(make_spec, monkeypatch, policy, bad={2, 3, 5})

    finish(run)

    assert len(clipper.seen) == calls
    assert all(torch.isfinite(g).all() for seen in clipper.seen for g in seen.values())


def test_zero_clears_the_elements_that_are_not_finite_and_no_other(make_spec, monkeypatch):
    spoilt_run, spoilt = make_run(make_spec, monkeypatch, "zero", bad={1})
    clean_run, clean = make_run(make_spec, monkeypatch, "zero", bad=set())

    spoilt_run.advance()
    clean_run.advance()

    for name, gradient in clean.seen[0].items():
        expected = gradient.clone()
        if name == "read_out.weight":
            assert (expected[0] != 0).all()
            expected[0, :3] = 0
        assert torch.equal(spoilt.seen[0][name], expected), name


def test_zeroed_gradient_is_clipped_and_applied(make_spec, monkeypatch):
    run, clipper = make_run(make_spec, monkeypatch, "zero", bad={1})
    before = {name: p.detach().clone() for name, p in run.parameters.named.items()}

    run.advance()

    norm = float(joint_norm(clipper.seen[0]))
    assert norm > 0.01
    scale = 0.01 / (norm + 1e-6)
    for name, parameter in run.parameters.named.items():
        expected = before[name] - LR * scale * clipper.seen[0][name]
        torch.testing.assert_close(parameter.detach(), expected, rtol=1e-12, atol=1e-15)


def test_skip_leaves_parameters_as_they_are(make_spec, monkeypatch):
    run, _ = make_run(make_spec, monkeypatch, "skip", bad={1})
    before = run.parameters.flat.tolist()

    run.advance()
    skipped = run.parameters.flat.tolist()
    run.advance()

    assert skipped == before
    assert run.parameters.flat.tolist() != before


def test_raise_ends_the_run_at_the_update_and_names_the_gradient(make_spec, monkeypatch):
    run, _ = make_run(make_spec, monkeypatch, "raise", bad={3})

    outcome = finish(run)

    assert (outcome.name, outcome.step) == ("diverged", 3)
    assert outcome.tensor == "gradient of read_out.weight"


def test_one_good_update_gives_skipping_a_new_chance(make_spec, monkeypatch):
    good = {HOPELESS, 2 * HOPELESS}
    bad = set(range(1, 2 * HOPELESS)) - good
    run, clipper = make_run(make_spec, monkeypatch, "skip", bad, steps=2 * HOPELESS)

    outcome = finish(run)

    assert outcome.name == "finished"
    assert len(clipper.seen) == 2


def test_nothing_but_bad_updates_in_a_row_end_a_skipping_run(make_spec, monkeypatch):
    bad = set(range(2, 2 * HOPELESS))
    run, clipper = make_run(make_spec, monkeypatch, "skip", bad, steps=2 * HOPELESS)

    outcome = finish(run)

    assert (outcome.name, outcome.step) == ("diverged", 1 + HOPELESS)
    assert len(clipper.seen) == 1


def test_finite_gradients_whose_squares_overflow_are_clipped(make_spec):
    exact = {"dtype": "float64"}
    run = TrainingRun(make_spec(clipper={"name": "value"}, training=exact))
    run.parameters.gradients.flat.fill_(1e200)

    norm = run.updating.norm()

    assert 1e200 < norm < torch.inf
    assert run._finite_gradients(norm, 1.0, None) is run.parameters.gradients
    assert run.outcome is None
