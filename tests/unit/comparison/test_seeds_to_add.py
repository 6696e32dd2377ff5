"""The commands that add seeds name the grids that need them, and no others."""

from dataclasses import replace

import pytest

from bptt.comparison.point import ComparedPoint
from bptt.comparison.seeds_to_add import Barred, SeedsToAdd, grids_of

FIVE = range(5)


def of(config, *grids):
    return [ComparedPoint(config, 0, "queued", None, grids=(grid,)) for grid in grids]


def in_problems():
    """Return one cell in two problems, each of which is in one grid."""
    return of("gru length=20", "a") + of("gru length=30", "b")


@pytest.mark.parametrize(
    ("grids", "points", "wanted", "commands"),
    [
        (
            {"a": FIVE, "b": FIVE},
            of("x", "a") + of("y", "b"),
            8,
            ["a --set seeds=8", "b --set seeds=8"],
        ),
        # not that of none of them
        ({"a": FIVE, "b": FIVE}, of("x", "a") + of("y", "a"), 8, ["a --set seeds=8"]),
        # one grid that has both is enough
        ({"a": FIVE, "b": FIVE}, of("x", "a", "b") + of("y", "b"), 8, ["b --set seeds=8"]),
        ({"a": FIVE, "b": FIVE}, in_problems(), 8, ["a --set seeds=8", "b --set seeds=8"]),
        ({"a": FIVE, "b": FIVE}, [], 8, ["a --set seeds=8", "b --set seeds=8"]),
        # what has them already needs no more
        ({"a": range(9), "b": FIVE}, of("x", "a") + of("y", "b"), 8, ["b --set seeds=8"]),
        (
            {"a": [7, 8], "b": [7, 8]},
            of("x", "a") + of("y", "b"),
            4,
            ["a --set seeds=2", "b --set seeds=2"],
        ),
    ],
)
def test_grids_that_need_seeds_are_named(grids, points, wanted, commands):
    unequal = len({tuple(seeds) for seeds in grids.values()}) > 1

    found = SeedsToAdd(grids).commands(wanted, points, unequal=unequal)

    assert found.lines == [f"bptt extend {command}" for command in commands]


def test_given_seeds_are_quoted_where_a_shell_would_read_a_pattern():
    more = SeedsToAdd({"a": FIVE, "b": [100]})

    assert more.commands_for([0, 1, 2], of("x", "b")).lines == ["bptt extend b --set seeds=3"]
    assert more.commands_for([7, 9], of("x", "b")).lines == ["bptt extend b --set 'seeds=[7,9]'"]


def test_a_point_of_two_grids_is_a_seed_of_both():
    points = [
        ComparedPoint("x", 0, "queued", None, grids=("a", "b")),
        ComparedPoint("x", 4, "queued", None, grids=("b",)),
    ]

    found = grids_of(points, "GRID").grids

    assert {grid: list(seeds) for grid, seeds in found.items()} == {"a": [0], "b": [0, 4]}


def with_holes(**outcomes):
    """Return two cells with four seeds in grid `a`; of the named cells the last seed has none."""
    return [
        ComparedPoint(
            cell,
            seed,
            outcomes.get(cell, "succeeded") if seed == 3 else "succeeded",
            None,
            grids=("a",),
        )
        for cell in ("gru", "lstm")
        for seed in range(4)
    ]


@pytest.mark.parametrize(
    ("outcomes", "first"),
    [
        ({"gru": "failed"}, ["bptt retry a --failed"]),
        ({"gru": "cancelled"}, ["bptt retry a --failed --cancelled"]),
        # what was deleted cannot be retried; `fill` queues all three
        ({"gru": "cancelled", "lstm": "missing"}, ["bptt fill a"]),
        ({"gru": "diverged"}, []),
    ],
)
def test_what_has_no_value_is_run_again_before_seeds_are_added(outcomes, first):
    points = with_holes(**outcomes)

    found = grids_of(points, "a").commands(7, points, unequal=bool(outcomes))

    assert found.lines == [*first, "bptt extend a --set seeds=7"]
    assert bool(found.first) == bool(first)


def test_configurations_that_have_all_their_values_need_nothing_run_again():
    points = with_holes(lstm="failed")
    gru = [point for point in points if point.config == "gru"]

    found = grids_of(points, "a").commands(7, gru, unequal=False)

    assert found.lines == ["bptt extend a --set seeds=7"]


def test_a_grid_that_cannot_be_extended_is_submitted_again_with_what_failed_in_it():
    points = with_holes(gru="failed")

    found = grids_of(points, "a", {"a": Barred("It is theirs")}).commands(7, points, unequal=True)

    assert found.lines == ["bptt show a --file | bptt submit /dev/stdin --set seeds=7"]


def test_before_seeds_judge_a_choice_what_failed_is_run_again_and_has_ended():
    points = with_holes(gru="failed")
    more = replace(grids_of(points, "a"), fresh={"a": ()}, tuned={"a": "--tuned lr"})

    assert more.judging(5, points).lines == [
        "bptt retry a --failed",
        "bptt watch a",
        "bptt extend a --tuned lr --seeds 5",
    ]
