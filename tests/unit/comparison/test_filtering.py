"""Only the points of a grid that meet conditions."""

import pytest

from bptt.comparison.filtering import in_words, only
from bptt.errors import InvalidSpec
from tests.unit.comparison.points import point

POINTS = [
    point(cell, seed, 0.5, **{"optimizer.lr": rate})
    for cell in ("lstm", "gru")
    for rate in (0.001, 1e-05)
    for seed in (0, 1)
]


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ([], 8),
        (["cell=lstm"], 4),
        (["cell=lstm", "cell=gru"], 8),
        (["cell=lstm", "lr=1e-3"], 2),
        (["optimizer.lr=0.00001"], 4),
        (["seed=1", "lr=1e-5", "cell=gru"], 1),
    ],
)
def test_conditions_of_one_axis_are_alternatives_and_those_of_several_all_hold(conditions, left):
    assert len(only(POINTS, conditions)) == left


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        ("cell", "--filter 'cell' is no condition: give AXIS=VALUE, such as cell=lstm."),
        ("=3", "--filter '=3' is no condition: give AXIS=VALUE, such as cell=lstm."),
        ("cell=rnn", "--filter cell=rnn: no point has this value; there are: lstm, gru."),
        ("seed=2", "--filter seed=2: no point has this value; there are: 0, 1."),
        ("model=3", "--filter 'model' is no axis of this grid; it has: cell, optimizer.lr."),
    ],
)
def test_what_no_point_meets_is_refused_with_what_there_is(condition, line):
    with pytest.raises(InvalidSpec) as refused:
        only(POINTS, [condition])
    assert str(refused.value) == line


def test_conditions_read_as_they_are_meant():
    assert in_words(["cell=gru", "lr=0.1", "cell=rnn"]) == "cell=gru or rnn, and lr=0.1"
