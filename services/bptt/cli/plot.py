"""The gradient through time as a picture of braille dots, legible with and without colour."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from bptt.cli.listing import NARROWEST, fold

FLOOR = -30.0
"""log10 below which a norm counts as gone."""

MARKERS = "●▲■◆○△□◇"
COLOURS = ("cyan", "yellow", "magenta", "green", "blue", "red", "bright_white", "bright_black")
HEIGHT = 16
INTERVALS = 5
"""Rows between labels of the vertical axis; divides HEIGHT - 1, so that labels fit rows."""
AXIS = 6
"""Columns for the labels of the vertical axis."""

BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bit for each of 2 columns and 4 rows of dots in a character, from U+2800 on."""


@dataclass(frozen=True)
class Curve:
    """One line of the plot."""

    label: str
    log10: Sequence[float]
    """log10 of the norm by lag; NaN where there is none."""
    window: int | None = None
    """Largest lag that the gradient reaches if truncated backpropagation cuts the curve."""


def draw(title: str, curves: Sequence[Curve], width: int = 80, room: int | None = None) -> Text:
    """Return curves over the lag with axes and a legend; the first eight, if there are more.

    Each has its own colour and, every few columns, a marker. It ends where the norm falls
    below 1e-30, and the legend says at which lag.

    Args:
        title: shown above.
        curves: what is drawn.
        width: of the picture, in cells.
        room: of the terminal for words, which are broken at spaces; None: they are not broken.
    """
    curves = [curve for curve in curves if any(map(_is_drawn, curve.log10))][: len(MARKERS)]
    if not curves:
        return Text("No gradient statistics to plot yet.\n")
    columns = max(width - AXIS - 3, 20)
    values = [v for curve in curves for v in curve.log10 if _is_drawn(v)]
    top = math.ceil(max(values))
    decades = max(1, math.ceil((top - min(values)) / INTERVALS))
    bottom = top - INTERVALS * decades
    lags = max(2, *(len(curve.log10) for curve in curves))

    bits = [[0] * columns for _ in range(HEIGHT)]
    owner: dict[tuple[int, int], int] = {}
    marks: dict[tuple[int, int], int] = {}
    for number, curve in enumerate(curves):
        spacing = max(12, 3 * len(curves))
        for x, y in _dots(curve.log10, lags, 2 * columns, top, bottom):
            row, column = y // 4, x // 2
            bits[row][column] |= BRAILLE[x % 2][y % 4]
            owner.setdefault((row, column), number)
            if x % 2 and column % spacing == (3 * number + 2) % spacing:
                marks.setdefault((row, column), number)

    text = Text("\n".join(_folded(title, room)) + "\n")
    rows = (HEIGHT - 1) // INTERVALS
    for row in range(HEIGHT):
        label = "" if row % rows else f"1e{top - row // rows * decades}"
        text.append(f"{label:>{AXIS}} {'┤' if label else '│'}")
        for column in range(columns):
            at = (row, column)
            style = COLOURS[owner[at]] if at in owner else ""
            if at in marks:
                text.append(MARKERS[marks[at]], COLOURS[marks[at]])
            else:
                text.append(chr(0x2800 + bits[row][column]) if bits[row][column] else " ", style)
        text.append("\n")
    text.append(f"{'':{AXIS}} └{'─' * columns}\n")
    middle, right = str((lags - 1) // 2), str(lags - 1)
    half = columns // 2 - 1
    text.append(f"{'':{AXIS + 2}}{'0':<{half}}{middle:<{columns - half - len(right)}}{right}\n")
    text.append(f"{'':{AXIS + 2}}{'lag: steps back from the loss':^{columns}}".rstrip() + "\n")
    for number, curve in enumerate(curves):
        text.append(f"{'':{AXIS + 1}}{MARKERS[number]} ", COLOURS[number])
        beside = AXIS + 3
        lines = _folded(f"{curve.label}{_ending(curve)}", room and room - beside)
        text.append(f"\n{'':{beside}}".join(lines) + "\n")
    return text


def _folded(text: str, room: int | None) -> list[str]:
    return fold(text, max(room, NARROWEST)) if room is not None else [text]


def _is_drawn(log10: float) -> bool:
    """Say whether a value can be drawn: not NaN, infinity or what is gone."""
    return FLOOR < log10 < math.inf


def _dots(
    log10: Sequence[float], lags: int, width: int, top: float, bottom: float
) -> Iterator[tuple[int, int]]:
    """Yield (column, row) of the dots of one curve, connected from one column to the next."""
    scale = (4 * HEIGHT - 1) / (top - bottom)
    before: int | None = None
    for x in range(width):
        lag = x * (lags - 1) / (width - 1)
        low = min(int(lag), len(log10) - 1)
        high = min(low + 1, len(log10) - 1)
        if lag > len(log10) - 1 or not (_is_drawn(log10[low]) and _is_drawn(log10[high])):
            before = None
            continue
        here, there = log10[low], log10[high]
        y = round((top - here - (there - here) * (lag - low)) * scale)
        start = y if before is None else before + (y > before) - (y < before)
        yield from ((x, dot) for dot in range(min(start, y), max(start, y) + 1))
        before = y


def _ending(curve: Curve) -> str:
    if curve.window is not None:
        return f" (truncated: no gradient beyond lag {curve.window})"
    gone = [lag for lag, value in enumerate(curve.log10) if value <= FLOOR]
    return f" (below 1e{FLOOR:.0f} from lag {gone[0]} on)" if gone else ""
