"""Different problems are never ranked against each other, only what is comparable over them."""

from dataclasses import replace

import numpy as np
import pytest

from bptt.comparison import wording
from bptt.comparison.facets import facets_of
from bptt.comparison.table import compare
from tests.unit.comparison.points import point

DELAYS = {10: {"lstm": 0.2, "gru": 0.3}, 30: {"lstm": 0.9, "gru": 0.8}}


def of_task(task, cell, seed, value, baseline, **options):
    """Return a point of a task whose metric is better when lower."""
    made = point(cell, seed, value, better="lower", **options)
    made.result.update(baseline=baseline, metric="mse")
    made.result["metrics"]["eval/mse"] = made.result["metrics"].pop("eval/accuracy")
    return replace(made, task=task)


def copying():
    return [
        of_task("copy_memory", cell, s, mean + 0.01 * s, delay / 10, **{"task.delay": delay})
        for delay, cells in DELAYS.items()
        for cell, mean in cells.items()
        for s in range(5)
    ]


def test_two_delays_are_two_problems_with_a_ranking_and_a_baseline_each():
    short, long, over = compare(copying())

    assert [one.title for one in (short, long)] == [
        "task copy_memory delay=10",
        "task copy_memory delay=30",
    ]
    assert [one.baseline for one in (short, long)] == [1.0, 3.0]
    assert [group.config for group in short.groups] == ["lstm", "gru"]
    assert [group.config for group in long.groups] == ["gru", "lstm"]
    assert (short.verdict, long.verdict) == (
        "lstm is better than gru (95 %).",
        "gru is better than lstm (95 %).",
    )
    assert [group.value.n for group in short.groups] == [5, 5]
    # each wins once
    assert [group.value.estimate for group in over.groups] == [1.5, 1.5]
    assert (over.title, over.problems) == ("over 2 problems", 2)


def test_over_problems_ranks_count_and_not_values_of_different_sizes():
    drawn = np.random.default_rng(3)
    held = [
        of_task("t", cell, s, 5 * scale + scale * (lead + 0.2 * drawn.normal()), 10 * scale,
                **{"task.length": length})
        for length, scale in ((20, 1.0), (50, 10.0), (80, 0.1))
        for cell, lead in (("a", 0.0), ("b", 1.0), ("c", 3.0))
        for s in range(5)
    ]  # fmt: skip

    *_, over = compare(held)

    assert over.metric == "mean rank"
    assert [group.config for group in over.groups] == ["a", "b", "c"]
    assert [group.value.estimate for group in over.groups] == pytest.approx([1, 2, 3], abs=0.4)
    assert over.groups[2].standing == "worse"
    assert over.groups[2].metrics["value / baseline"].estimate == pytest.approx(0.8, abs=0.1)
    assert over.groups[0].solved.estimate == 0
    assert over.metrics == ["mean rank", "value / baseline"]
    assert any(note.startswith("mean rank: over 3 problems") for note in over.notes)


def test_equal_values_share_the_mean_of_their_places():
    held = [
        of_task("t", cell, s, value, 1.0, **{"task.length": length})
        for length in (20, 50)
        for cell, value in (("a", 0.5), ("b", 0.5), ("c", 0.7))
        for s in range(3)
    ]

    *_, over = compare(held)

    assert {g.config: g.value.estimate for g in over.groups} == {"a": 1.5, "b": 1.5, "c": 3.0}


def test_axes_that_make_problems_are_never_averaged_over():
    *facets, _ = compare(copying(), by=["cell"])

    assert [(c.problem, [g.config for g in c.groups]) for c in facets] == [
        ("delay=10", ["lstm", "gru"]),
        ("delay=30", ["gru", "lstm"]),
    ]
    by_delay = compare(copying(), by=["delay"])
    assert [[group.config for group in one.groups] for one in by_delay] == [
        ["delay=10"],
        ["delay=30"],
    ]


def test_a_problem_that_a_configuration_lacks_leaves_it_out_of_the_ranks():
    held = [p for p in copying() if (p.values["cell"], p.values["task.delay"]) != ("gru", 30)]

    found = compare(held)

    assert [one.problems for one in found] == [1, 1]


def agreeing(declared):
    held = [
        of_task("agreement", "lstm", s, value, 0.125, **{"task.objective": objective})
        for objective, value in (("number", 0.05), ("language_model", 0.09))
        for s in range(3)
    ]
    if declared:
        # one result that says so is enough: an earlier version did not
        held[0].result["training_only"] = ["objective"]
    return held


def test_an_option_that_changes_the_training_alone_makes_no_other_problem():
    (one,) = compare(agreeing(declared=True))
    two = compare(agreeing(declared=False))

    assert {g.config for g in one.groups} == {"objective=number", "objective=language_model"}
    assert one.common == "lstm"
    assert [found.problem for found in two] == ["objective=number", "objective=language_model"]
    assert [facet.title for facet in facets_of(agreeing(declared=True))] == ["agreement"]


def test_what_differs_without_being_compared_is_said():
    held = copying()[:10]
    for number, one in enumerate(held):
        size = 500 + 500 * (number % 2)
        held[number] = replace(
            one, budget=300 + 700 * (number // 5), values={**one.values, EVALUATION: size}
        )

    (comparison,) = compare(held, by=["cell"])

    assert "Budgets differ: 300 and 1,000 updates." in comparison.notes
    assert "evaluation_size differs: 500 and 1,000." in comparison.notes


EVALUATION = "training.evaluation_size"


def test_which_way_every_metric_of_a_task_is_better_is_known():
    held = agreeing(declared=True)
    for one in held:
        one.result["metrics"] |= {"eval/mse_attractors_2": 0.4, "best/eval_f1_hard": 0.2}
        one.result["metrics"] |= {"eval/f1": 0.3, "eval/loss_hard": 1.0, "flow/slope": -0.1}
        one.result["directions"] = {"f1": "higher", "mse": "lower"}

    def better(name):
        return compare(held, metrics=[name])[0].better

    assert better("mse_attractors_2") == "lower"
    assert better("eval/f1") == "higher"
    assert better("best/eval_f1_hard") == "higher"
    assert better("loss_hard") == "lower"
    assert compare(held, metrics=["flow/slope"])[0].verdict == (
        "Not ranked: neither a higher nor a lower flow/slope is better."
    )
    # and an earlier version's result says it of the deciding one
    for one in held:
        del one.result["directions"]
    assert better("mse_attractors_2") == "lower"


def test_every_problem_of_a_table_names_its_columns():
    for one in compare(copying()):
        for group in one.groups:
            assert len(wording.cells(one, group)) == len(wording.columns(one))


def test_ranks_of_two_that_coincide_by_chance_in_three_seeds_tell_nothing():
    held = [
        of_task("t", cell, s, 0.5 + lead + 0.01 * s, 1.0, **{"task.length": length})
        for length in (20, 50, 80)
        for cell, lead in (("a", 0.0), ("b", 0.1))
        for s in range(3)
    ]

    *each, over = compare(held)

    assert [group.standing for group in over.groups] == ["best so far", "may be best"]
    assert over.groups[1].lead.low < 0
    assert all("each of these 3 alone" in one.notes[-1] for one in each)


def test_a_problem_without_the_metric_that_was_asked_for_says_so():
    one = [of_task("x", c, s, 0.5 + s, 1.0) for c in "ab" for s in range(3)]
    other = [of_task("y", c, s, 0.5 + s, 1.0) for c in "ab" for s in range(3)]
    for held in other:
        held.result["metrics"]["test/mse"] = 0.1

    first, second, *_ = compare(one + other, metrics=["test/mse"])

    assert "No run of it has test/mse: it is compared by mse." in first.notes
    assert not any("No run of it" in note for note in second.notes)


def test_no_interval_of_a_mean_rank_holds_what_no_rank_can_be_and_the_rate_names_its_exceptions():
    short, long, over = compare(copying())

    ranks = [group.value for group in over.groups]
    assert all(1 <= one.low <= one.estimate <= one.high <= 2 for one in ranks)
    for one in (short, long, over):
        (rate,) = [note for note in one.notes if note.startswith("At most 6 of 100")]
        assert "fails rarely" in rate
    leads = [group.lead for group in over.groups if group.lead and group.lead.low is not None]
    assert leads
    assert all(-1 <= one.low <= one.high <= 1 for one in leads)
    # ten runs of five seeds
    assert [group.solved.n for group in over.groups] == [5, 5]
    assert "runs of one seed count as one in its interval" in over.notes[0]
