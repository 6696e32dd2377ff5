"""Tuned comparisons: values are chosen on some seeds and judged on others."""

from dataclasses import replace

import pytest

from bptt.comparison import wording
from bptt.comparison.extending import to_judge
from bptt.comparison.table import compare
from bptt.errors import InvalidSpec
from tests.unit.comparison.points import point

RATES = (1e-3, 1e-2, 1e-1)
MEANS = {"lstm": (0.5, 0.9, 0.6), "gru": (0.3, 0.5, 0.7)}
"""By rate; the best of the lstm is inside its axis, that of the gru at its end."""


def grid(seeds=8, flattering=()):
    """Return points of two cells with three rates each.

    Args:
        seeds: number of them.
        flattering: seeds in which the lstm's first rate looks best.
    """
    return [
        point(
            cell,
            seed,
            9.0 if seed in flattering and (cell, rate) == ("lstm", 1e-3) else mean + 0.01 * seed,
            **{"optimizer.lr": rate},
        )
        for cell, means in MEANS.items()
        for rate, mean in zip(RATES, means, strict=True)
        for seed in range(seeds)
    ]


def test_each_configuration_is_judged_with_its_best_value_on_seeds_that_had_no_say():
    (found,) = compare(grid(), tune=["lr"])

    best, other = found.groups
    assert (best.config, best.tuned_to, other.config, other.tuned_to) == (
        *("lstm", "lr=0.01"),
        *("gru", "lr=0.1"),
    )
    # seeds 4 to 7
    assert best.value.n == 4
    assert best.value.estimate == pytest.approx(0.9 + 0.055)
    assert found.points == 8
    assert found.verdict.endswith("lstm is better than gru (95 %).")
    assert "on seeds 0, 1, 2, 3, judged on the others" in found.notes[0]


def test_what_only_looks_best_on_the_seeds_that_choose_is_not_flattered():
    (found,) = compare(grid(flattering=(0, 1, 2, 3)), tune=["lr"])

    (lstm,) = [group for group in found.groups if group.config == "lstm"]
    assert lstm.tuned_to == "lr=0.001"
    assert lstm.value.estimate == pytest.approx(0.5 + 0.055)


def test_seeds_that_choose_can_be_named():
    (found,) = compare(grid(flattering=(0,)), tune=["optimizer.lr"], tune_seeds=[0])

    (lstm,) = [group for group in found.groups if group.config == "lstm"]
    assert (lstm.tuned_to, lstm.value.n) == ("lr=0.001", 7)


def test_a_value_at_the_end_of_its_axis_is_said_to_be_there():
    (found,) = compare(grid(), tune=["lr"])

    assert found.notes[0].endswith("so that a better value may lie beyond: gru.")


def test_configurations_that_were_tuned_over_fewer_values_are_named():
    points = [p for p in grid() if (p.values["cell"], p.values["optimizer.lr"]) != ("gru", 1e-3)]

    (found,) = compare(points, tune=["lr"])

    assert "Not tuned alike: gru over 2 values and lstm over 3 values; " in found.notes[0]
    (alike,) = compare(grid(), tune=["lr"])
    assert "Each was tuned over 3 values." in alike.notes[0]


def test_without_seeds_to_judge_on_the_choice_is_shown_and_no_result():
    (found,) = compare(grid(seeds=5), tune=["lr"], grid="abcde")

    assert found.groups == []
    assert found.verdict.startswith("Chosen: lstm takes lr=0.01 and gru takes lr=0.1.")
    assert found.verdict.endswith(
        "The seeds that chose cannot judge; 5 fresh ones for what was chosen alone can (10 runs):\n"
        "bptt extend abcde --tuned optimizer.lr --seeds 5"
    )
    (named,) = compare(grid(seeds=5), tune=["lr"], grid="abcde", tune_seeds=[0, 1, 2, 3])
    assert "cannot judge, and 1 other is too few to" in named.verdict
    assert named.verdict.endswith("--tuned optimizer.lr --tune-seeds 0,1,2,3 --seeds 5")


def test_if_nothing_but_the_tuned_axis_differs_there_is_one_configuration():
    points = [p for p in grid() if p.values["cell"] == "lstm"]
    for p in points:
        del p.values["cell"]

    (found,) = compare(points, tune=["lr"])

    assert [(group.tuned_to, group.value.n) for group in found.groups] == [("lr=0.01", 4)]


def test_the_table_has_a_column_for_what_was_chosen_and_only_then():
    (tuned,), (plain,) = compare(grid(), tune=["lr"]), compare(grid())

    column = wording.columns(tuned).index("tuned to")
    assert [wording.cells(tuned, one)[column] for one in tuned.groups] == ["lr=0.01", "lr=0.1"]
    assert "tuned to" not in wording.columns(plain)
    assert len(wording.columns(tuned)) == len(wording.cells(tuned, tuned.groups[0]))


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"tune": ["lrr"]}, r"--tune 'lrr' is no axis of this grid; it has: cell, optimizer\.lr\."),
        ({"tune": ["lr"], "by": ["lr"]}, "--by and --tune both name optimizer.lr: .*"),
        ({"tune_seeds": [1]}, "--tune-seeds needs --tune AXIS: .*"),
        ({"tune": ["lr"], "tune_seeds": [1, 9]}, "--tune-seeds 9 is no seed of this grid; it .*"),
    ],
)
def test_what_cannot_be_tuned_is_refused_in_one_line(asked, line):
    with pytest.raises(InvalidSpec, match=f"^{line}$"):
        compare(grid(), **asked)


def test_a_task_is_not_tuned():
    points = [point("rnn", s, 0.5, **{"task.length": n}) for s in range(3) for n in (20, 50)]

    with pytest.raises(InvalidSpec, match=r"--tune 'task\.length' makes another problem"):
        compare(points, tune=["length"])


def test_the_seeds_that_choose_are_the_first_half_of_those_that_all_have():
    extended = [p for p in grid(seeds=12) if p.seed < 6 or p.config.startswith("gru")]

    (found,) = compare(extended, tune=["lr"])

    assert "on seeds 0, 1, 2, judged" in found.notes[0]


def test_where_none_solved_the_task_its_own_metric_chooses_and_nothing_is_ranked():
    points = grid()
    points[0].result["outcome"] = "solved"
    points[0].result["solved_at"] = 100

    (found,) = compare(points, tune=["lr"], tune_seeds=[1, 2, 3, 4])

    # seed 0 of the first rate is the only one that solved it, and it has no say
    assert {group.config: group.tuned_to for group in found.groups} == {
        "lstm": "lr=0.01",
        "gru": "lr=0.1",
    }
    assert found.verdict == "Not ranked: none solved the task."


def test_values_that_are_equally_good_are_said_to_be():
    points = [point(cell, s, 0.7, **{"optimizer.lr": rate})
              for cell in ("a", "b") for rate in RATES for s in range(6)]  # fmt: skip

    (found,) = compare(points, tune=["lr"])

    assert found.notes[0].endswith("Several values are equally good on these seeds for a and b.")


def test_a_problem_without_a_seed_that_judges_says_what_was_chosen():
    lengths = [
        replace(one, task="latch", values={**one.values, "task.length": length})
        for length, seeds in ((20, (1, 2, 3, 7, 8, 9)), (30, (1, 2, 3)))
        for rate in (0.1, 0.2)
        for cell in ("a", "b")
        for one in (point(cell, seed, 0.8, **{"optimizer.lr": rate}) for seed in seeds)
    ]

    judged, chosen, *_ = compare(lengths, tune=["lr"])

    assert len(judged.groups) == 2
    assert chosen.groups == []
    assert chosen.verdict.startswith("Chosen: ")


def test_nothing_is_chosen_by_values_of_runs_that_stopped_at_the_threshold():
    held = [
        point("a", seed, 0.9, outcome="solved", **{"optimizer.lr": lr})
        for lr in (0.1, 0.01)
        for seed in range(6)
    ]

    with pytest.raises(InvalidSpec, match="cannot choose by accuracy: 12 of 12 runs stopped at"):
        compare(held, tune=["lr"], metrics=["accuracy"])


def cancelled_in(points, cell, rate, seeds):
    """Return the points; runs of a cell with a rate were cancelled in some seeds."""
    return [
        replace(one, grids=("g",), status="cancelled", result=None)
        if (one.values["cell"], one.values["optimizer.lr"]) == (cell, rate) and one.seed in seeds
        else replace(one, grids=("g",))
        for one in points
    ]


def test_a_value_with_too_few_results_to_be_chosen_is_named_and_what_makes_it_a_candidate():
    said = (
        "lstm with lr=0.01: values on 2 of 4 seeds that may choose, not considered: "
        "bptt retry g --failed --cancelled."
    )
    points = cancelled_in(grid(), "lstm", 1e-2, (2, 3))

    (found,) = compare(points, tune=["lr"])
    (whole,) = compare(cancelled_in(grid(), "lstm", 1e-2, (3,)), tune=["lr"])

    assert said in found.notes
    assert not [note for note in whole.notes if "not considered" in note]


def test_what_extends_a_grid_by_a_choice_names_the_values_that_were_not_considered():
    points = cancelled_in(grid(5), "gru", 1e-1, (1, 2, 4))

    assert to_judge(points, ["lr"], grid="g").said.endswith(
        "gru with lr=0.1: values on 2 of 5 seeds that may choose, not considered: "
        "bptt retry g --failed --cancelled."
    )
    assert not to_judge(grid(5), ["lr"], grid="g").left_out
