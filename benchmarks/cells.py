"""Heads and cells of the tables that a page shows."""

from collections.abc import Iterable


def head(*names: str) -> str:
    """Return the two lines that begin a table with these columns."""
    return f"{table_row(*names)}\n{'| --- ' * len(names)}|"


def table_row(*columns: object) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(map(str, columns))} |"


def percents(shares: Iterable[float], digits: int = 0) -> str:
    """Return shares in %, `5/6/12`."""
    return "/".join(f"{100 * share:.{digits}f}" for share in shares)
