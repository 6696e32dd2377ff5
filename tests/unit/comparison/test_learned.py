"""Whether anything was learned is judged by values that nothing has chosen."""

from dataclasses import replace

import numpy as np
import pytest

from bptt.comparison.table import compare
from tests.unit.comparison.points import point

BASELINE, SPREAD, EVALUATIONS = 0.5, 0.02, 20


def at_best(cell, drawn, tested=None, **others):
    """Return points at their best evaluation.

    Args:
        cell: its name.
        drawn: (seeds, evaluations).
        tested: of each seed, on the test set with the best weights; None: it was not.
        others: of the points.
    """
    found = []
    for seed, values in enumerate(drawn):
        end = point(cell, seed, float(values[-1]), **others)
        if tested is not None:
            end.result["metrics"]["best/test_accuracy"] = float(tested[seed])
        best = point(cell, seed, float(values.max()), **others)
        found.append(replace(best, result_at_end=end.result, moment="best"))
    return found


def noise(rng, seeds=5):
    return BASELINE + SPREAD * rng.standard_normal((seeds, EVALUATIONS))


def learned(points, **asked):
    (found,) = compare(points, **asked)
    return {group.config: group.learned for group in found.groups}, found


def test_the_best_of_many_evaluations_of_a_run_that_learned_nothing_is_no_learning():
    rng = np.random.default_rng(0)
    drawn = noise(rng)

    said, found = learned(at_best("a", drawn) + at_best("b", drawn + 0.2))

    # though each best value is far above the baseline
    assert min(drawn.max(1)) > BASELINE + SPREAD
    assert said == {"a": False, "b": True}
    assert "Cannot be told from the baseline of 0.5 in accuracy (at the end), or worse: a." in (
        found.notes
    )


def test_the_test_set_with_the_best_weights_judges_where_all_runs_have_it():
    # learned, and forgotten at the end
    drawn = noise(np.random.default_rng(1))
    tested = 0.9 + 0.01 * np.arange(5)

    said, found = learned(at_best("a", drawn, tested) + at_best("b", drawn, tested - 0.43))

    assert said == {"a": True, "b": False}
    assert any("in best/test_accuracy, or worse: b." in n for n in found.notes)
    # one configuration without it is not judged by another figure than the others
    said, _ = learned(at_best("a", drawn, tested) + at_best("b", drawn))
    assert said == {"a": False, "b": False}


def test_a_diverged_run_has_no_test_and_counts_as_the_baseline():
    drawn = noise(np.random.default_rng(2))
    tested = 0.9 + 0.01 * np.arange(5)
    gone = at_best("a", drawn, outcome="diverged")

    for count, has_learned in ((1, True), (3, False)):
        some = gone[:count] + at_best("a", drawn, tested)[count:]
        said, _ = learned(some + at_best("b", drawn, tested))
        assert said == {"a": has_learned, "b": True}


@pytest.mark.parametrize("asked", [[], ["best/eval_accuracy"], ["accuracy"]])
def test_asked_for_best_values_at_the_end_it_is_judged_by_the_last_ones(asked):
    drawn = noise(np.random.default_rng(3))
    points = []
    for cell in ("a", "b"):
        for seed, values in enumerate(drawn):
            one = point(cell, seed, float(values[-1]) + 0.2 * (cell == "b"))
            one.result["metrics"]["best/eval_accuracy"] = float(values.max()) + 0.2
            points.append(one)

    said, _ = learned(points, metrics=asked)

    assert said == {"a": False, "b": True}


@pytest.mark.parametrize("with_test", [False, True])
def test_where_nothing_was_learned_at_most_six_of_a_hundred_are_said_to_have(with_test):
    rng = np.random.default_rng(4)
    said = []
    for _ in range(300):
        tested = BASELINE + SPREAD * rng.standard_normal(5) if with_test else None
        one, _ = learned(at_best("a", noise(rng), tested))
        said += one.values()

    # 2.5 of 100 by Student's interval; six standard errors of 300 are 5.4
    assert 0 <= np.mean(said) <= 0.06
