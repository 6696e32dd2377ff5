import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "grids.md").read_text()
FIRST, SECOND, EVALUATED = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
AXES = re.findall(r"^\| `((?:cell|model): .*?)` \| (\d) points", PAGE, re.MULTILINE)
OVERRIDES = re.findall(r"^bptt grid \S+ --set (.*)$", PAGE, re.MULTILINE)


def test_example_has_the_points_the_page_says(grid_of):
    assert "60 points" in PAGE
    assert len(grid_of(FIRST)) == 60


def test_example_of_exclude_and_include_drops_and_adds(grid_of):
    grid = grid_of(FIRST + SECOND)

    # 10 with rnn and 3e-3, 12 with length 100 and seed 3 or 4, 2 of them both; 10 of the GRU
    assert len(grid) == 60 - 10 - 12 + 2 + 10
    assert grid.notes == ()


def test_example_of_an_evaluation_with_other_options_spans_no_axis(grid_of):
    # its two cells
    assert len(grid_of(EVALUATED)) == 2


@pytest.mark.parametrize(("axis", "points"), AXES)
def test_example_of_an_axis_spans_what_the_page_says(grid_of, axis, points):
    content = {"task": "adding", "cell": "rnn"}
    section, _, value = axis.partition(": ")

    grid = grid_of("\n".join(f"{k}: {v}" for k, v in (content | {section: value}).items()))

    assert len(grid) == int(points)


@pytest.mark.parametrize("line", OVERRIDES)
def test_example_of_an_override_is_valid(grid_of, line):
    overrides = [text.strip("' ") for text in line.split("--set")]

    assert len(grid_of(FIRST, *overrides)) > 1


def test_page_has_examples():
    assert (len(AXES), len(OVERRIDES)) == (3, 2)
