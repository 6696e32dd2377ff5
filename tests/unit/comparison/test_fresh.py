"""Fresh seeds: for the values that were chosen alone, so that nothing of what judges has chosen."""

from dataclasses import replace

import pytest

from bptt.comparison.extending import to_judge
from bptt.comparison.fresh import fresh_seeds
from bptt.comparison.table import compare
from bptt.errors import InvalidSpec, NotPossible
from tests.unit.comparison.points import point
from tests.unit.comparison.test_chosen import grid

LR = ("optimizer.lr",)
CHOSEN = {"lstm": 1e-2, "gru": 1e-1}


def judged(seeds, chosen=CHOSEN, value=0.6):
    return [
        point(cell, seed, value + 0.01 * (seed % 3) + 0.2 * (cell == "lstm"),
              **{"optimizer.lr": rate})
        for cell, rate in chosen.items()
        for seed in seeds
    ]  # fmt: skip


def asked(points, tuned=("lr",), **options):
    return to_judge(points, tuned, grid="abcde", **options)


def test_what_was_chosen_gets_seeds_that_nothing_has():
    found = asked(grid(seeds=4))

    assert found.values == [
        {"cell": "lstm", "optimizer.lr": 1e-2},
        {"cell": "gru", "optimizer.lr": 1e-1},
    ]
    assert list(found.seeds) == [4, 5, 6, 7, 8]
    assert found.said == (
        "Chosen on seeds 0, 1, 2, 3: lstm takes lr=0.01 and gru takes lr=0.1. Judged on seeds 4, "
        "5, 6, 7, 8."
    )


def test_asked_twice_it_is_the_same_and_asked_for_more_it_adds_to_what_is_there():
    points = grid(seeds=8) + judged(range(8, 13))

    assert asked(points).values == asked(grid(seeds=8)).values
    assert list(asked(points).seeds) == [8, 9, 10, 11, 12]
    assert list(asked(points, seeds=7).seeds) == [8, 9, 10, 11, 12, 13, 14]


def test_a_comparison_chooses_by_all_old_seeds_and_judges_by_the_fresh_ones_alone():
    points = grid(seeds=8) + judged(range(8, 13))

    (found,) = compare(points, tune=["lr"])

    assert [(g.config, g.tuned_to, g.value.n) for g in found.groups] == [
        ("lstm", "lr=0.01", 5),
        ("gru", "lr=0.1", 5),
    ]
    assert found.groups[0].value.estimate == pytest.approx(0.8 + 0.01 * (2 + 0 + 1 + 2 + 0) / 5)
    assert found.verdict == "lstm is better than gru (95 %)."
    assert found.notes[0].startswith(
        "Tuned over optimizer.lr: the best mean on seeds 0, 1, 2, 3, 4, 5, 6, 7, judged on 8, 9, "
        "10, 11, 12, which were added for the values chosen alone."
    )


def test_the_value_that_fresh_seeds_were_added_for_is_judged_whatever_is_best_by_now():
    # a run of the old seeds was repeated since, and another value has the best mean
    points = grid(seeds=4, flattering=(0, 1, 2, 3)) + judged(range(4, 9))

    (found,) = compare(points, tune=["lr"])

    lstm = next(group for group in found.groups if group.config == "lstm")
    assert (lstm.tuned_to, lstm.value.n) == ("lr=0.01", 5)
    assert (
        "Judged with the value that those were added for, although another has the best mean on "
        "the seeds that choose: lstm."
    ) in found.notes[0]


def test_a_choice_that_was_made_in_one_grid_holds_beside_another_that_has_all_values_there():
    one = [replace(p, grids=("a",)) for p in grid(seeds=4) + judged(range(4, 9))]
    rates = (1e-3, 1e-2)
    other = [
        replace(point("rnn", seed, 0.4 + rate, **{"optimizer.lr": rate}), grids=("b",))
        for rate in rates
        for seed in range(6)
    ]

    (alone,), (both,) = (compare(points, tune=["lr"]) for points in (one, one + other))

    held = [(g.config, g.tuned_to, g.value.n) for g in alone.groups]
    assert [(g.config, g.tuned_to, g.value.n) for g in both.groups] == held
    assert both.notes[0].startswith(
        "Tuned over optimizer.lr: the best mean on seeds that do not judge: of lstm and gru on 0, "
        "1, 2, 3, judged on 4, 5, 6, 7, 8; of rnn on 0, 1, 2, 3, 4, 5."
    )
    assert both.notes[1] == (
        "Tuned, and without a seed that judges: rnn:\n"
        "bptt extend a --tuned optimizer.lr --seeds 7\n"
        "bptt extend b --tuned optimizer.lr --seeds 5"
    )


def test_what_nothing_can_be_chosen_for_is_named():
    other = [point("rnn", seed, 0.4, **{"optimizer.lr": 1e-2}) for seed in (20, 21)]

    (found,) = compare(grid(seeds=8) + other, tune=["lr"], tune_seeds=[0, 1, 2])

    assert any(note.startswith("Nothing was chosen for rnn: ") for note in found.notes)


def test_once_all_values_have_the_seeds_none_of_them_is_fresh():
    assert fresh_seeds(grid(seeds=8), LR) == []
    assert fresh_seeds(grid(seeds=4) + judged([4, 5]), LR) == [4, 5]
    # no axis was tried with several values in any seed
    assert fresh_seeds(judged(range(4)), LR) == []


def test_what_has_one_value_only_does_not_make_a_seed_fresh():
    alone = [point("rnn", seed, 0.5, **{"optimizer.lr": 1e-2}) for seed in range(8)]

    assert fresh_seeds(grid(seeds=4) + alone, LR) == []


def test_each_problem_chooses_for_itself():
    points = [
        replace(one, values={**one.values, "task.length": length})
        for length, seeds in ((20, ()), (50, (0, 1, 2, 3)))
        for one in grid(seeds=4, flattering=seeds)
    ]

    found = asked(points)

    rates = {(v["task.length"], v["cell"]): v["optimizer.lr"] for v in found.values}
    assert rates == {(20, "lstm"): 1e-2, (20, "gru"): 1e-1, (50, "lstm"): 1e-3, (50, "gru"): 1e-1}
    assert len(found.chosen) == 4


def test_nothing_is_chosen_before_all_that_chooses_has_ended():
    points = grid(seeds=4)
    points[0] = replace(points[0], status="running", result=None)

    with pytest.raises(NotPossible, match="1 run of the seeds that choose has not ended"):
        asked(points)
    (found,) = compare(points, tune=["lr"])
    assert found.verdict == "Nothing is chosen yet: 1 run of these seeds has not ended."
    # one that judges may still run
    coming = [replace(one, status="queued", result=None) for one in judged([4, 5])]
    assert list(asked(grid(seeds=4) + coming).seeds) == [4, 5, 6, 7, 8]


def test_where_nothing_has_a_result_nothing_can_be_chosen():
    failed = [replace(one, status="failed", result=None) for one in grid(seeds=4)]

    with pytest.raises(NotPossible, match=r"^Nothing can be chosen in grid abcde: "):
        asked(failed)


@pytest.mark.parametrize(
    ("tuned", "options", "line"),
    [
        (["lrr"], {}, r"--tuned 'lrr' is no axis of this grid; it has: cell, optimizer\.lr\."),
        (["lr"], {"by": ["lr"]}, "--by and --tuned both name optimizer.lr: .*"),
        (["lr"], {"tune_seeds": [9]}, "--tune-seeds 9 is no seed of this grid; it has: 0, 1, .*"),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_one_line(tuned, options, line):
    with pytest.raises(InvalidSpec, match=f"^{line}$"):
        asked(grid(seeds=4), tuned, **options)
