"""Fresh seeds: for the values that were chosen alone, so that nothing of what judges has chosen."""

from dataclasses import replace

import pytest

from bptt.comparison.extending import to_judge
from bptt.comparison.fresh import fresh_seeds
from bptt.comparison.table import compare
from bptt.errors import InvalidSpec, NotPossible
from bptt.records.choices import MadeChoice
from tests.unit.comparison.points import point
from tests.unit.comparison.test_chosen import grid

LR = ("optimizer.lr",)
CHOSEN = {"lstm": 1e-2, "gru": 1e-1}
GRID = "GRID"


def added(seeds, chosen=CHOSEN, value=0.6):
    """Return points that somebody added by hand, for one value of each cell."""
    return [
        point(cell, seed, value + 0.01 * (seed % 3) + 0.2 * (cell == "lstm"),
              **{"optimizer.lr": rate})
        for cell, rate in chosen.items()
        for seed in seeds
    ]  # fmt: skip


def judged(seeds, chosen=CHOSEN, value=0.6, choosing=(0, 1, 2, 3), grid=GRID, by=()):
    """Return points that `extend --tuned` added."""
    choice = MadeChoice(grid, LR, by, tuple(choosing))
    return [replace(one, choices=(choice,)) for one in added(seeds, chosen, value)]


def asked(points, tuned=("lr",), **options):
    return to_judge(points, tuned, grid=GRID, **options)


def tuned_to(found):
    return {group.config: (group.tuned_to, group.value.n) for group in found.groups}


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
    points = grid(seeds=8) + judged(range(8, 13), choosing=range(8))

    assert asked(points).values == asked(grid(seeds=8)).values
    assert list(asked(points).seeds) == [8, 9, 10, 11, 12]
    assert list(asked(points, seeds=7).seeds) == [8, 9, 10, 11, 12, 13, 14]


def test_a_comparison_chooses_by_all_old_seeds_and_judges_by_the_fresh_ones_alone():
    points = grid(seeds=8) + judged(range(8, 13), choosing=range(8))

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


def test_what_nothing_can_be_chosen_for_is_named():
    other = [point("rnn", seed, 0.4, **{"optimizer.lr": 1e-2}) for seed in (20, 21)]

    (found,) = compare(grid(seeds=8) + other, tune=["lr"], tune_seeds=[0, 1, 2])

    assert any(note.startswith("Nothing was chosen for rnn: ") for note in found.notes)


def test_what_has_one_value_alone_is_judged_on_the_fresh_seeds_of_the_others():
    alone = [point("rnn", seed, 0.5, **{"optimizer.lr": 1e-2}) for seed in range(4, 8)]

    (found,) = compare(grid(seeds=4) + judged(range(4, 9)) + alone, tune=["lr"])

    assert tuned_to(found)["rnn"] == ("lr=0.01", 4)


def test_fresh_are_the_seeds_that_a_grid_was_given_for_a_choice():
    points = grid(seeds=4) + judged([4, 5]) + judged([6], grid="other") + added([7])

    assert fresh_seeds(points, LR, GRID) == [4, 5]
    assert fresh_seeds(points, (*LR, "cell"), GRID) == []


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

    with pytest.raises(NotPossible, match=r"^Nothing can be chosen in grid GRID: "):
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
