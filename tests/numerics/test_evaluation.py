"""Which evaluation is the best, when a run is solved, and which weights are kept."""

import math

import pytest
import torch

from bptt.training import TrainingRun, train

NAN, INF = math.nan, math.inf
STEPS = 7


def start(make_spec, better, values, **training):
    """Return a run whose evaluations give `values` one after the other."""
    spec = make_spec(
        training={"steps": STEPS, "evaluate_every": 2, "evaluation_size": 16} | training
    )
    run = TrainingRun(spec)
    left = iter(values)
    run.task.metric, run.task.better = "accuracy", better

    def metrics(outputs, batch):
        evaluated = batch is run.evaluation.sets[""]
        return {"accuracy": torch.tensor(next(left) if evaluated else 0.5)}

    run.task.metrics = metrics
    return run


def states(run):
    """Train to the end; return the reports and the weights at each step."""
    reports, weights = {}, {}
    for report in train(run):
        reports[report.step] = report
        weights[report.step] = {n: w.clone() for n, w in run.model.state_dict().items()}
    return reports, weights


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize(
    ("better", "values", "best"),
    [
        # evaluations at steps 0, 2, 4, 6 and 7
        ("lower", [0.5, 0.3, 0.4, 0.35, 0.9], (0.3, 2)),
        ("higher", [0.5, 0.3, 0.6, 0.55, 0.1], (0.6, 4)),
        ("lower", [NAN, 0.5, -INF, NAN, 0.75], (0.5, 2)),
        ("higher", [INF, 0.25, NAN, 0.5, INF], (0.5, 6)),
        ("higher", [0.25, 0.25, 0.125, 0.25, 0.25], (0.25, 0)),
    ],
)
def test_best_is_the_first_extreme_among_finite_values(make_spec, better, values, best):
    run = start(make_spec, better, values, stop_when_solved=False)

    reports, weights = states(run)

    value, step = best
    assert run.evaluation.best == {
        "best/eval_accuracy": pytest.approx(value),
        "best/step": float(step),
    }
    assert same(run.weights()["best"], weights[step])
    assert same(run.weights()["last"], weights[STEPS])
    assert not same(weights[step], weights[STEPS])
    reported = [s for s, report in reports.items() if "best/step" in report.metrics]
    assert reported[-1] == step
    assert all(reports[s].metrics["best/step"] == s for s in reported)


@pytest.mark.parametrize(
    ("values", "at"),
    [([0.5, 0.5, 1.0, 1.0, 0.5], 4), ([1.0, 0.5, 0.5, 0.5, 0.5], 0), ([0.5] * 5, None)],
)
def test_a_run_that_trains_on_remembers_where_it_met_the_rule(make_spec, values, at):
    run = start(make_spec, "higher", values, stop_when_solved=False)

    states(run)

    assert (run.outcome.name, run.step) == ("finished", STEPS)
    assert run.evaluation.solved_at == at
    resumed = start(make_spec, "higher", [], stop_when_solved=False)
    resumed.load_state_dict(run.state_dict())
    assert resumed.evaluation.solved_at == at


def test_asking_for_the_weights_changes_nothing(make_spec):
    run = start(make_spec, "lower", [0.1, 0.2, 0.3, 0.4, 0.5], stop_when_solved=False)
    _, weights = states(run)

    run.weights()

    assert same(dict(run.model.state_dict()), weights[STEPS])


def test_without_a_finite_evaluation_the_last_weights_are_the_best(make_spec):
    run = start(make_spec, "lower", [NAN] * 5, stop_when_solved=False)
    _, weights = states(run)

    assert run.evaluation.best == {}
    assert same(run.weights()["best"], weights[STEPS])


@pytest.mark.parametrize(("stops", "last"), [(True, 4), (False, STEPS)])
def test_solved_run_goes_on_where_it_is_told_to(make_spec, stops, last):
    run = start(make_spec, "higher", [0.5, 0.5, 1.0, 1.0, 1.0], stop_when_solved=stops)

    reports, _ = states(run)

    assert list(reports) == list(range(last + 1))
    assert run.outcome.name == ("solved" if stops else "finished")
    assert run.outcome.step == last


def test_last_update_is_evaluated_even_between_two_evaluations(make_spec):
    run = start(make_spec, "higher", [0.1, 0.2, 0.3, 0.4, 0.7], stop_when_solved=False)

    reports, _ = states(run)

    found = {s: r.metrics["eval/accuracy"] for s, r in reports.items() if "eval/loss" in r.metrics}
    assert list(found) == [0, 2, 4, 6, 7]
    assert list(found.values()) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.7])


def test_run_out_of_time_is_evaluated_as_it_ends(make_spec):
    run = TrainingRun(make_spec(training={"steps": 10**6, "evaluate_every": 10**6}))
    run.advance()
    run.advance()
    run.spec = run.spec.model_copy(
        update={"training": run.spec.training.model_copy(update={"max_seconds": 1e-9})}
    )

    report = run.advance()

    assert (report.outcome.name, report.step) == ("time_limit", 2)
    assert "eval/accuracy" in report.metrics
