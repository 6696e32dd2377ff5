"""Times for people."""

import time

YEAR = 365.25 * 86_400


def span(seconds: float) -> str:
    """Return a length of time with sensible precision: `2 h 5 min`, but `12 h`."""
    whole = round(seconds)
    if whole < 1:
        return "less than 1 s"
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next(place for place, (number, _) in enumerate(parts) if number)
    shown = parts[first : first + (1 if parts[first][0] >= 10 else 2)]
    return " ".join(f"{number} {unit}" for number, unit in shown if number)


def between(least: float, most: float) -> str:
    """Return a range for people: `4 to 9 min`, `40 s to 2 min`."""
    first, last = _rough(least), _rough(most)
    if first == last:
        return first
    number, _, unit = first.partition(" ")
    return f"{number} to {last}" if last.endswith(f" {unit}") else f"{first} to {last}"


def _rough(seconds: float) -> str:
    """Return a time in one unit, to one or two digits."""
    for length, unit in ((YEAR, "years"), (86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "1 s"


def ago(at: float) -> str:
    """Return how long ago something was, in one unit; another machine's clock may differ."""
    seconds = max(time.time() - at, 0.0)
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "just now"
