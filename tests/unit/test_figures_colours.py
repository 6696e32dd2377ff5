"""Colours of pictures: seen on paper and on dark, and told apart by everybody."""

import itertools
import re

import numpy as np
import pytest

from bptt import figures
from bptt.comparison.curves import band
from bptt.figures import style
from bptt.figures.dark import DARK, DARK_INK, DARK_PAPER

# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB
VISION = {
    "usual": np.eye(3),
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
LIGHT = (style.COLOURS, style.PAPER)
ON_DARK = (tuple(DARK[one] for one in style.COLOURS), DARK_PAPER)


def linear(colour):
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """Return the ratio that WCAG 2 defines."""
    first, second = (linear(c) @ [0.2126, 0.7152, 0.0722] + 0.05 for c in (one, other))
    return max(first, second) / min(first, second)


def lab(rgb):
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(("colours", "paper"), [LIGHT, ON_DARK], ids=["light", "dark"])
def test_every_line_stands_out_from_its_background(colours, paper):
    assert min(contrast(colour, paper) for colour in colours) >= 3
    ink, faint = ("#000000", style.FAINT) if paper == style.PAPER else (DARK_INK, DARK[style.FAINT])
    assert contrast(ink, paper) > 7
    assert contrast(faint, paper) > 4.5


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("colours", [LIGHT[0], ON_DARK[0]], ids=["light", "dark"])
def test_no_two_lines_look_alike_to_anybody(colours, vision):
    seen = [lab(np.array(VISION[vision]) @ linear(colour)) for colour in colours]

    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15


def test_every_colour_of_a_picture_for_a_page_has_another_on_dark():
    lines = {f"c{n}": band(np.arange(3.0), np.full((6, 3), n + 1.0)) for n in range(7)}
    figure = figures.learning_curves(
        [figures.Panel("a", lines), figures.Panel("b", lines)],
        figures.Words("loss", "g", "cell"),
        list(lines.values()),
        metric="loss",
        baseline=1.0,
    )
    svg = style.to_bytes(figure, "svg")

    page = figures.for_page(svg).decode()

    head, sheet, body = re.split(r"<style>(@media .*?)</style>", page, maxsplit=1, flags=re.DOTALL)
    assert head + body.lstrip("\n") == svg.decode()
    used = set(re.findall(r'style="[^"]*?(?:fill|stroke): (#[0-9a-f]{6})', body))
    assert used
    for colour in used:
        assert f': {colour}"]' in sheet
