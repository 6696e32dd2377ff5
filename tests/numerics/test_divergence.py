"""What a run does when numbers stop being numbers."""

import torch

from bptt.training import TrainingRun, train


def finish(run):
    for _ in train(run):
        pass


def weights(run):
    return run.parameters.flat.detach().clone()


EXPLODING = {
    "name": "rnn",
    "nonlinearity": "relu",
    "recurrent_init": "gaussian",
    "recurrent_gain": 30.0,
}


def exploding_spec(make_spec, policy):
    return make_spec(
        {"name": "adding", "length": 40},
        EXPLODING,
        training={"nonfinite": policy, "steps": 150},
        optimizer={"name": "sgd", "lr": 0.1},
    )


def test_divergence_names_step_and_tensor(make_spec):
    run = TrainingRun(exploding_spec(make_spec, "raise"))

    finish(run)

    assert run.outcome.name == "diverged"
    assert run.outcome.step == 1
    assert run.outcome.tensor.startswith(("state h of layer 0 (forward) at t = ", "gradient of "))


def test_skip_makes_no_update_and_gives_up_when_nothing_changes(make_spec):
    run = TrainingRun(exploding_spec(make_spec, "skip"))
    before = weights(run)

    finish(run)

    assert weights(run).tolist() == before.tolist()
    assert (run.outcome.name, run.outcome.step) == ("diverged", 100)


def test_zero_trains_on_with_finite_weights(make_spec):
    spec = exploding_spec(make_spec, "zero")
    run = TrainingRun(spec)

    finish(run)

    assert torch.isfinite(weights(run)).all()
    assert run.outcome.step == 100


def test_infinite_weight_is_a_divergence_with_its_name(make_spec):
    run = TrainingRun(make_spec(optimizer={"name": "sgd", "lr": 1e6}))
    gradients = run.parameters.gradients
    gradients["stack.layers.0.cells.0.input_weight"].fill_(1e38)

    run._apply(gradients, run.updating.norm())

    assert run.outcome.name == "diverged"
    assert run.outcome.tensor == "input_weight of layer 0 (forward)"
