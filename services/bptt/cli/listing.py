"""Rows under columns, and text, at any width: no number and no name is ever broken.

Columns that do not fit a terminal are left out one at a time, with a note; if not even the most
important ones fit, each row becomes lines. Elsewhere a row is one complete line.
"""

import sys
from collections.abc import Sequence

import click

GAP = 2
"""Spaces between columns."""
NAMING = 2
"""Columns, from the left, that identify a row: without them the others are meaningless."""
WRAPPED = frozenset(
    {
        *("configuration", "note", "values", "what", "queued", "such as", "runs", "grids"),
        *("summary", "verdict", "runs by"),
    }
)
"""Columns of words, which may be broken at spaces."""
REMARK = " ("
"""Begins a remark beside a figure; a column that has any is broken at spaces, too."""
NARROWEST = 16
"""Cells to which a column of text may shrink."""


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]], needed: int = NAMING) -> None:
    """Print rows under their columns, as wide as the terminal; one line per row elsewhere.

    Args:
        columns: their names.
        rows: the cells under each.
        needed: columns, from the left, that are never left out: names, and what was asked for.
    """
    width = terminal_width()
    if width is None:
        click.echo("\n".join(table_lines(columns, rows)))
        return
    for number, line in enumerate(fitted_lines(columns, rows, width, needed)):
        click.echo(click.style(line, bold=True) if number == 0 else line)


def say(text: str = "", head: str = "") -> None:
    """Print text, with continuation lines indented; one line each if not on a terminal.

    Args:
        text: in one line or several.
        head: what precedes the first line, and is never broken.
    """
    width = terminal_width()
    for line in text.split("\n"):
        words = line.lstrip(" ")
        head += " " * (len(line) - len(words))
        left = cells(click.unstyle(head))
        room = None if width is None else max(width - left, NARROWEST)
        for part in [words] if room is None else fold(words, room):
            click.echo(f"{head}{part}".rstrip())
            head = " " * left
        head = head[: left - (len(line) - len(words))]


def terminal_width() -> int | None:
    """Return how many cells a line of the terminal has; None: this is not a terminal."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console(highlight=False).width


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for the columns' names and one for each row, however long they are."""
    widths = [max(map(cells, column)) for column in zip(columns, *rows, strict=True)]
    return [_line(row, widths) for row in (columns, *rows)]


def fitted_lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, needed: int = NAMING
) -> list[str]:
    """Return lines of at most `width` cells, except for a single word that is longer.

    Columns are left out from the right until the rest fits; the last line says which. If not
    even the `needed` ones fit, each row becomes lines.
    """
    # a table of two columns has none to leave out
    for shown in range(len(columns), min(needed, len(columns)) - 1, -1):
        widths = _widths(columns[:shown], [row[:shown] for row in rows], width)
        if widths is not None:
            lines = [
                line
                for row in (columns[:shown], *(row[:shown] for row in rows))
                for line in _wrapped(row, widths)
            ]
            return lines + _left_out(columns[shown:], width)
    return _turned(columns, rows, width)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Return the width of each column, text columns shrunk as necessary; None: no room."""
    widest, least = [], []
    for name, *held in zip(columns, *rows, strict=True):
        widest.append(max(map(cells, (name, *held))))
        word = max(cells(word) for text in (name, *held) for word in _words(text) or [""])
        wraps = name in WRAPPED or any(REMARK in text for text in held)
        least.append(max(word, min(widest[-1], NARROWEST)) if wraps else widest[-1])
    room = width - GAP * (len(columns) - 1)
    if sum(least) > room:
        return None
    spare = room - sum(least)
    found = []
    for most, few in zip(widest, least, strict=True):
        more = min(most - few, spare)
        spare -= more
        found.append(few + more)
    return found


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    broken = [fold(text, width) for text, width in zip(row, widths, strict=True)]
    height = max(map(len, broken))
    return [
        _line([part[at] if at < len(part) else "" for part in broken], widths)
        for at in range(height)
    ]


def _turned(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return each row as lines of a name and a value, with an empty line between rows."""
    left = max(map(cells, columns))
    lines: list[str] = []
    for row in rows:
        lines += [""] if lines else []
        for name, text in zip(columns, row, strict=True):
            beside = left + GAP
            first, *more = fold(text, max(width - beside, NARROWEST))
            lines.append(f"{padded(name, left)}{' ' * GAP}{first}".rstrip())
            lines += [f"{' ' * beside}{part}" for part in more]
    return lines


def _left_out(columns: Sequence[str], width: int) -> list[str]:
    if not columns:
        return []
    what = "columns" if len(columns) > 1 else "column"
    note = f"Left out for want of room: {what} {', '.join(columns)}."
    return ["", *fold(f"{note} All of them: a wider terminal, --json, or | cat", width)]


def fold(text: str, width: int) -> list[str]:
    """Return a text in lines broken only at spaces, of `width` cells where its words allow it."""
    if cells(text) <= width:
        return [text]
    lines = [""]
    for word in _words(text):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and cells(joined) > width:
            lines.append(word)
        else:
            lines[-1] = joined
    return lines


def _words(text: str) -> list[str]:
    return [word for word in text.split(" ") if word]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    filled = (padded(text, width) for text, width in zip(row, widths, strict=True))
    return (" " * GAP).join(filled).rstrip()


def padded(text: str, width: int) -> str:
    """Return a text padded with spaces to this many cells."""
    return text + " " * (width - cells(text))


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes: a Chinese character takes two."""
    from rich.cells import cell_len

    return cell_len(text)
