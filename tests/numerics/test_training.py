"""Training against plain torch loops, against other runs beside it, and against interruption."""

import pytest
import torch
from benchmarks.torch_weights import to_torch
from torch import nn

from bptt.batches.data import TrainingData
from bptt.execution.checkpoint import from_bytes, to_bytes
from bptt.training import TrainingRun, train
from bptt.training.window import log_interval

CELLS = ("rnn", "lstm", "gru", "gru_cho", "gru_chung", "mingru", "minlstm", "lru", "lem")


def finish(run):
    """Train the run; return the metrics and probe that it reported, by step."""
    return finish_by_turns(run)[0]


def finish_by_turns(*runs):
    """Let the runs do an update in turn, in one process; return what each reported, by step."""
    series = [{} for _ in runs]
    alive = {number: train(run) for number, run in enumerate(runs)}
    while alive:
        for number, reports in list(alive.items()):
            if (report := next(reports, None)) is None:
                del alive[number]
                continue
            found = dict(report.metrics)
            found |= {name: value.tolist() for name, value in report.probe.items()}
            series[number][report.step] = found
    return series


def weights(run):
    return run.parameters.flat.detach().clone()


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        ({"name": "sgd", "lr": 0.1}, lambda p: torch.optim.SGD(p, 0.1)),
        (
            {"name": "momentum", "lr": 0.1, "momentum": 0.8, "nesterov": True},
            lambda p: torch.optim.SGD(p, 0.1, momentum=0.8, nesterov=True),
        ),
        (
            {"name": "rmsprop", "lr": 0.01, "alpha": 0.95, "eps": 1e-6},
            lambda p: torch.optim.RMSprop(p, 0.01, 0.95, 1e-6),
        ),
        (
            {"name": "adam", "lr": 0.02, "beta1": 0.8, "weight_decay": 0.01},
            lambda p: torch.optim.Adam(p, 0.02, (0.8, 0.999), weight_decay=0.01),
        ),
        (
            {"name": "adamw", "lr": 0.02, "weight_decay": 0.1},
            lambda p: torch.optim.AdamW(p, 0.02, weight_decay=0.1),
        ),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_training_equals_a_plain_torch_loop(make_spec, cell, optimizer, make):
    steps = 8
    spec = make_spec(
        {"name": "adding", "length": 12},
        {"name": cell, "biases": 2},
        {"name": "global_norm", "max_norm": 0.05},
        optimizer=optimizer,
        training={"steps": steps, "dtype": "float64", "stop_when_solved": False},
    )
    run = TrainingRun(spec)
    recurrent = to_torch(run.model.stack)
    read_out = nn.Linear(8, 1, dtype=torch.float64)
    read_out.load_state_dict(run.model.read_out.state_dict())
    parameters = [*recurrent.parameters(), *read_out.parameters()]
    plain = make(parameters)
    data = TrainingData(run.task, spec.seed, spec.training.batch_size)

    series = finish(run)
    losses = []
    for step in range(steps):
        batch, _ = data.batch(step)
        outputs = read_out(recurrent(batch.inputs.double())[0][-1])
        loss = nn.functional.mse_loss(outputs.squeeze(1), batch.targets.double().flatten())
        plain.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 0.05)
        plain.step()
        losses.append(loss.item())

    reported = [series[step]["train/loss"] for step in range(1, steps + 1)]
    assert reported == pytest.approx(losses, rel=1e-10)
    torch.testing.assert_close(run.model.read_out.weight, read_out.weight)


def test_runs_that_take_turns_have_the_bits_of_each_alone(make_spec):
    specs = [
        make_spec(cell=cell, seed=seed, clipper="value", statistics={"interval": 2})
        for cell in CELLS
        for seed in (0, 1)
    ]

    together = [TrainingRun(spec) for spec in specs]
    series = finish_by_turns(*together)
    alone = [TrainingRun(spec) for spec in specs]
    alone_series = [finish(run) for run in alone]

    assert [weights(run).tolist() for run in together] == [weights(run).tolist() for run in alone]
    assert repr(series) == repr(alone_series)


def test_diverged_run_leaves_the_one_beside_it_alone(make_spec):
    healthy = make_spec({"name": "adding", "length": 50}, "rnn", training={"steps": 40})
    exploding = make_spec(
        {"name": "adding", "length": 50},
        {
            "name": "rnn",
            "nonlinearity": "relu",
            "recurrent_init": "gaussian",
            "recurrent_gain": 4.0,
        },
        optimizer={"name": "sgd", "lr": 0.05},
        training={"steps": 40},
    )

    diverging, beside = TrainingRun(exploding), TrainingRun(healthy)
    finish_by_turns(diverging, beside)
    alone = TrainingRun(healthy)
    finish(alone)

    assert diverging.outcome.name == "diverged"
    assert beside.outcome.name == "finished"
    assert weights(beside).tolist() == weights(alone).tolist()


@pytest.mark.parametrize(
    ("cell", "optimizer"),
    [
        *((cell, "adam") for cell in CELLS),
        *(("lstm", optimizer) for optimizer in ("sgd", "momentum", "rmsprop", "adamw")),
    ],
)
def test_resume_from_any_step_gives_the_bits_of_an_undisturbed_run(make_spec, cell, optimizer):
    spec = make_spec(
        cell=cell,
        optimizer={"name": optimizer},
        statistics={"interval": 2},
        training={"stop_when_solved": False},
    )
    undisturbed = TrainingRun(spec)
    expected = finish(undisturbed)

    for killed_at in range(6):
        first = TrainingRun(spec)
        series = {}
        for report in train(first):
            series[report.step] = report.metrics
            if report.step == killed_at:
                break
        second = TrainingRun(spec)
        second.load_state_dict(from_bytes(to_bytes(first.state_dict())))
        rest = finish(second)

        assert weights(second).tolist() == weights(undisturbed).tolist()
        assert repr(rest) == repr({s: m for s, m in expected.items() if s > killed_at})


def test_resume_in_the_middle_of_a_text_carries_the_state_on(make_spec, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the keys to the cabinet are on the table. " * 40)
    spec = make_spec({"name": "char_lm", "text": str(text), "window": 10}, "lstm")
    undisturbed = TrainingRun(spec)
    finish(undisturbed)

    first = TrainingRun(spec)
    for report in train(first):
        if report.step == 3:
            break
    second = TrainingRun(spec)
    second.load_state_dict(from_bytes(to_bytes(first.state_dict())))
    finish(second)

    assert weights(second).tolist() == weights(undisturbed).tolist()


def test_seeds_differ_and_one_seed_repeats(make_spec):
    runs = [TrainingRun(make_spec(seed=seed)) for seed in (0, 0, 1)]

    series = [finish(run) for run in runs]

    assert repr(series[0]) == repr(series[1])
    assert weights(runs[0]).tolist() == weights(runs[1]).tolist()
    assert weights(runs[0]).tolist() != weights(runs[2]).tolist()


def gradient_reach(make_spec, truncation):
    """Return which of the 12 positions the probe's gradient reaches."""
    spec = make_spec(
        {"name": "latch", "length": 12},
        training={"steps": 1, "truncation": truncation},
        statistics={"interval": 1},
    )
    run = TrainingRun(spec)
    series = finish(run)
    return [norm > 0 for norm in series[0]["flow/0/forward/h"]], weights(run)


@pytest.mark.parametrize("truncation", [1, 5, 7, 11])
def test_truncated_gradient_reaches_back_as_many_steps_as_the_file_says(make_spec, truncation):
    reached, _ = gradient_reach(make_spec, truncation)

    # the state that enters the last window is detached
    assert reached == [False] * (12 - truncation) + [True] * truncation


def test_truncation_as_long_as_the_sequence_changes_nothing(make_spec):
    reached, truncated = gradient_reach(make_spec, truncation=12)
    _, full = gradient_reach(make_spec, truncation=None)

    assert reached == [True] * 12
    assert truncated.tolist() == full.tolist()


def test_time_limit_ends_a_run(make_spec):
    run = TrainingRun(make_spec(training={"steps": 10**6, "max_seconds": 0.05}))

    finish(run)

    assert run.outcome.name == "time_limit"
    assert run.evaluation.latest


def test_solved_run_stops_at_the_evaluation_that_says_so(make_spec):
    spec = make_spec(
        {"name": "latch", "length": 3},
        optimizer={"lr": 0.05},
        training={"steps": 2000, "evaluate_every": 10, "batch_size": 32},
    )
    run = TrainingRun(spec)

    finish(run)

    assert run.outcome.name == "solved"
    assert run.outcome.step < 2000
    assert run.outcome.step % 10 == 0


@pytest.mark.parametrize(
    ("steps", "interval"), [(1, 1), (60, 1), (120, 2), (600, 10), (3299, 10), (3300, 11)]
)
def test_log_lines_are_few_in_short_runs_and_three_hundred_in_long_ones(steps, interval):
    assert log_interval(steps) == interval


def test_log_line_is_the_mean_of_the_updates_since_the_last(make_spec):
    def losses(steps):
        run = TrainingRun(make_spec(training={"steps": steps, "stop_when_solved": False}))
        found = {}
        for report in train(run):
            if "train/loss" in report.metrics:
                found[report.step] = report.metrics["train/loss"]
            if report.step == 40:
                break
        return found

    each, pairs = losses(60), losses(120)

    assert sorted(pairs) == list(range(2, 41, 2))
    for step, mean in pairs.items():
        assert mean == pytest.approx((each[step - 1] + each[step]) / 2, rel=1e-12)
