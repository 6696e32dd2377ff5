"""Averages over seeds of what runs measured while they learned."""

import itertools
import json

import numpy as np
import pytest
from scipy import stats

from bptt.comparison.captions import Read
from bptt.comparison.curves import Curves, band, flow_map, over_lag, over_training, read_curves
from bptt.run_folder import RunFolder
from tests.histories import history

SEEDS = itertools.count()


def curves(steps, values, outcome="finished", flow=None, seed=None, budget=1000):
    series = {"eval/accuracy": (np.array(steps, float), np.array(values, float))}
    return Curves(outcome, next(SEEDS) if seed is None else seed, series, flow, budget)


def flow(norms, steps=(0, 10)):
    return history(steps, {"h": np.array(norms, float)}, [2])


def test_band_is_students_interval_at_every_point():
    rows = np.array([[1.0, 5.0, 1.0], [2.0, np.nan, np.nan], [4.0, 7.0, np.nan]])

    found = band(np.arange(3.0), rows)

    expected = stats.t.interval(0.95, 2, rows[:, 0].mean(), stats.sem(rows[:, 0]))
    assert (found.low[0], found.high[0]) == pytest.approx(expected)
    assert found.mean.tolist() == pytest.approx([7 / 3, 6.0, 1.0])
    # one run alone says nothing about its spread
    assert np.isnan([found.low[2], found.high[2]]).all()


def test_a_run_that_solved_the_task_keeps_its_last_value():
    held = {"a": [curves([0, 10], [0.5, 1.0], "solved"), curves([0, 10, 20], [0.5, 0.6, 0.8])]}

    found = over_training(held, "eval/accuracy")["a"]

    assert found.mean.tolist() == pytest.approx([0.5, 0.8, 0.9])


@pytest.mark.parametrize("every", [1, 10])
def test_a_line_ends_at_the_budget_of_its_runs_though_others_were_given_more(every):
    def run(budget, value, end=None):
        steps = np.arange(0, (end or budget) + 1, every)
        return curves(
            steps, np.full(len(steps), value), "solved" if end else "finished", None, None, budget
        )

    held = {
        "short": [run(100, 1.0, end=50), run(100, 0.5), run(100, 0.6)],
        "long": [run(400, 1.0, end=50), run(400, 0.5)],
        "all": [run(100, 1.0, end=50), run(100, 1.0, end=20)],
    }

    found = over_training(held, "eval/accuracy")

    assert found["short"].x[-1] == found["all"].x[-1] == pytest.approx(100, abs=4)
    assert max(one.x[-1] for one in found.values()) <= 400
    assert found["long"].x[-1] > 390
    # of the survivors it would be 1 beyond the budget
    assert found["short"].mean[-1] == pytest.approx(0.7)
    assert found["long"].mean[-1] == pytest.approx(0.75)
    for one in found.values():
        assert np.isfinite(one.seeds).all()


def test_a_mean_ends_where_the_first_of_its_runs_was_stopped():
    held = {"a": [curves([0, 10], [0.5, 0.9], "time_limit"), curves([0, 10, 20], [0.5, 0.5, 0.1])]}

    found = over_training(held, "eval/accuracy")["a"]

    assert found.x.tolist() == [0, 10]
    assert found.mean.tolist() == pytest.approx([0.5, 0.7])


def test_runs_that_are_evaluated_at_other_steps_than_the_rest_have_an_unbroken_line():
    held = {"a": [curves([0, 20, 40], [0.1, 0.2, 0.3])], "b": [curves([0, 30], [0.1, 0.4])]}

    found = over_training(held, "eval/accuracy")

    assert found["a"].x.tolist() == [0, 20, 40]
    assert found["b"].x.tolist() == [0, 30]


def test_a_run_that_diverged_does_not_count():
    held = {"a": [curves([0, 10], [0.5, 0.7]), curves([0, 10], [0.5, 1e30], "diverged")]}

    found = over_training(held, "eval/accuracy")["a"]

    assert found.n == 1
    assert found.mean.tolist() == [0.5, 0.7]


def test_many_steps_are_averaged_in_windows():
    values = np.sin(np.arange(600.0)) + 1
    found = over_training({"a": [curves(np.arange(600), values)]}, "eval/accuracy")["a"]

    assert len(found.x) == 60
    assert np.nanmean(found.mean) == pytest.approx(values.mean(), abs=1e-3)


def test_norms_are_averaged_as_logarithms():
    held = {"a": [curves([0], [1e-6]), curves([0], [1e-2])]}

    found = over_training(held, "eval/accuracy", log=True)["a"]

    assert found.mean.tolist() == pytest.approx([1e-4])
    assert found.low[0] > 0


def test_gradient_over_the_lag_is_that_of_the_last_probe():
    runs = [curves([], [], flow=flow([[1, 1, 1], [1, 0.1, 0.01]])) for _ in range(2)]
    runs.append(curves([], [], flow=flow([[1, 1], [1, 1]])))

    found = over_lag(runs)

    assert found.mean.tolist() == pytest.approx([0.0, -2 / 3, -2.0])
    assert found.n == 3


def test_every_row_of_a_map_over_training_is_a_mean_over_the_same_runs():
    runs = [
        curves([], [], flow=flow([[1, 1], [1, 1e-2], [1, 1e-2]], steps=(0, 10, 20))),
        # probed once more when it solved the task: from then on its weights are the same
        curves([], [], "solved", flow([[1, 1e-4], [1, 1e-6]], steps=(0, 7)), budget=20),
    ]

    found = flow_map(runs)

    assert found.steps.tolist() == [0, 10, 20]
    assert found.log10[:, 1].tolist() == pytest.approx([-2.0, -4.0, -4.0])
    assert found.n == 2


def test_a_map_over_training_is_of_the_diverged_runs_only_where_all_diverged():
    lived = curves([], [], flow=flow([[1, 1], [1, 1e-2]], steps=(0, 10)))
    died = curves([], [], "diverged", flow([[1, 1e-4]], steps=(0,)))
    later = curves([], [], "diverged", flow([[1, 1e-2], [1, 1]], steps=(0, 10)))

    assert flow_map([lived, died]).log10[:, 1].tolist() == [0.0, -2.0]
    assert flow_map([died, later]).log10[:, 1].tolist() == [-3.0]
    read = Read({("", "a"): [lived, died], ("", "b"): [died, later]}, 0)
    assert (read.diverged(), read.diverged(unless_all=True)) == (3, 1)


def test_what_was_never_measured_is_nothing_to_draw():
    assert over_training({"a": [curves([0], [1.0])]}, "grad/norm") == {}
    assert over_lag([curves([0], [1.0])]) is None
    assert flow_map([]) is None


def test_curves_are_those_of_the_newest_attempt_with_a_result(tmp_path):
    for attempt, value in ((1, 0.1), (2, 0.2), (3, 0.3)):
        folder = RunFolder.of_attempt(tmp_path, "g-0", attempt)
        folder.path.mkdir(parents=True)
        line = {"step": 5, "metrics": {"eval/accuracy": value, "train/loss": None}}
        folder.journal.write_text(json.dumps(line) + "\n")
        if attempt < 3:
            folder.write("result", {"outcome": "solved", "step": 5})

    found = read_curves(tmp_path, "g-0", 0, ["eval/accuracy", "train/loss", "grad/norm"], 10)

    assert found.outcome == "solved"
    assert {name: v.tolist() for name, (_, v) in found.series.items()} == {"eval/accuracy": [0.2]}
    assert read_curves(tmp_path, "g-1", 0, ["eval/accuracy"], 10) is None


def test_runs_of_one_seed_count_once():
    runs = [
        curves([0], [value], seed=seed, flow=flow([[1, 10.0**-value]], steps=(0,)))
        for seed, value in ((0, 1.0), (0, 3.0), (1, 4.0))
    ]

    found = over_training({"a": runs}, "eval/accuracy")["a"]

    assert (found.n, found.mean.tolist()) == (2, [3.0])
    assert over_lag(runs).n == 2
    assert over_lag(runs).mean.tolist() == pytest.approx([0.0, -3.0])
    assert flow_map(runs).n == 2
