"""The commands that add seeds name the grids that need them, and no others."""

import pytest

from bptt.comparison.point import ComparedPoint
from bptt.comparison.seeds_to_add import SeedsToAdd, grids_of

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
