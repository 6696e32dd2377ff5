"""SVG files in fewer bytes show what matplotlib draws."""

import io
import re

import numpy as np
import pytest

from bptt.figures import style
from bptt.figures.compact import compact

PATH = re.compile(r'<path d="([^"]*)" clip-path="[^"]*" style="fill: none; stroke: #063d75')
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def drawn(x, y):
    """Return a line as matplotlib writes it, and in fewer bytes."""
    figure = style.new_figure(6.4, 3.6)
    figure.subplots().plot(x, y, color=style.COLOURS[0])
    content = io.BytesIO()
    figure.savefig(content, format="svg")
    return content.getvalue().decode(), compact(content.getvalue().decode())


def points_of(svg):
    """Return the vertices of the line, in points, whether they are absolute or relative."""
    (path,) = PATH.findall(svg)
    numbers = np.array([float(one) for one in NUMBER.findall(path)]).reshape(-1, 2)
    return np.cumsum(numbers, 0) if "l" in path else numbers


def heights(points, at):
    return np.interp(at, points[:, 0], points[:, 1])


@pytest.mark.parametrize("number", [3, 200])
def test_a_line_goes_where_it_went(number):
    x = np.linspace(0, 1, number)
    y = np.random.default_rng(3).normal(size=number)

    whole, short = drawn(x, y)

    before, after = points_of(whole), points_of(short)
    # a tenth of a point is a seventh of a pixel
    assert np.abs(after[[0, -1]] - before[[0, -1]]).max() <= 0.051
    at = after[:, 0]
    nearest = np.abs(at[:, np.newaxis] - before[:, 0]).argmin(1)
    assert np.abs(after - before[nearest]).max() <= 0.051
    assert len(after) >= 0.9 * len(before)
    assert len(short) < 0.8 * len(whole)


def test_points_on_a_straight_line_are_left_out_and_its_bends_stay():
    x = np.linspace(0, 1, 301)
    y = np.where(x < 0.5, x, 1 - x)

    whole, short = drawn(x, y)

    before, after = points_of(whole), points_of(short)
    at = np.linspace(before[0, 0], before[-1, 0], 1000)
    assert np.abs(heights(after, at) - heights(before, at)).max() <= 0.11
    assert len(after) <= 5


def test_a_line_that_turns_back_on_itself_keeps_its_end():
    _, short = drawn([0.0, 1.0, 0.4], [0.0, 0.0, 0.0])

    after = points_of(short)

    assert len(after) == 3
    assert after[0, 0] < after[2, 0] < after[1, 0]


def test_nothing_is_lost_but_comments_and_indentation():
    whole, short = drawn([0.0, 1.0], [0.0, 2.0])

    assert "<!--" in whole
    assert "<!--" not in short
    for tag in ("<use", "<path", "<clipPath", "<g"):
        assert short.count(f"{tag} ") == whole.count(f"{tag} ")
