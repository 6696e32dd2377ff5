"""SVG in fewer bytes that shows the same: coordinates to a tenth of a point, short names."""

import re

FINE, COARSE = 100, 10
"""Places of a point at which a coordinate may be: of shapes, and of lines of many points."""
FEW = 8
"""Points of a shape at most."""
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
PATH = re.compile(r' d="([^"]*)"')
COMMAND = re.compile(r"([MLz])\s*(?:(-?[\d.e-]+) (-?[\d.e-]+))?\s*")
POSITION = re.compile(r' (x|y|x1|x2|y1|y2|transform)="([^"]*)"')
GLYPH = re.compile(r'<use xlink:href="#([^"]+)" transform="translate\(([\d.-]+) 0\)"/>')
FONT = re.compile(r'(id="|href="#)DejaVuSans(-\w+)?-(\w+)"')
BETWEEN = re.compile(r">\s+<")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def compact(svg: str) -> str:
    """Return a picture without comments and indentation, as matplotlib writes neither of use.

    Points of a line that lie on the straight line between their neighbours, to the places that are
    told, are left out.
    """
    svg = COMMENT.sub("", svg)
    svg = PATH.sub(lambda found: f' d="{_path(found[1])}"', svg)
    svg = GLYPH.sub(lambda found: f'<use xlink:href="#{found[1]}" x="{_short(found[2])}"/>', svg)
    svg = POSITION.sub(lambda found: f' {found[1]}="{_rounded(found[2])}"', svg)
    svg = FONT.sub(lambda found: f'{found[1]}{(found[2] or "")[1:2]}g{found[3]}"', svg)
    return BETWEEN.sub("><", svg)


def _path(path: str) -> str:
    found = COMMAND.findall(path)
    if "".join(COMMAND.split(path)[::4]).strip():
        # curves of letters and markers
        return " ".join(_rounded(path).split())
    places = FINE if len(found) <= FEW else COARSE
    points: list[tuple[int, int]] = []
    parts: list[str] = []
    for command, x, y in found:
        if command != "L" and points:
            parts.append(_line(points, places))
            points = []
        if command == "z":
            parts.append("z")
        else:
            points.append((round(float(x) * places), round(float(y) * places)))
    return "".join([*parts, _line(points, places) if points else ""])


def _line(points: list[tuple[int, int]], places: int) -> str:
    """Return a line through points, each given by how far it is from the one before."""
    (x, y), *rest = points
    parts = [f"M{x / places:.9g} {y / places:.9g}"]
    for number, (across, upwards) in enumerate(rest):
        following = rest[number + 1] if number + 1 < len(rest) else None
        step = (across - x, upwards - y)
        if following and _is_between(step, (following[0] - across, following[1] - upwards)):
            continue
        told = f"{step[0] / places:.9g} {step[1] / places:.9g}"
        parts.append(told if len(parts) > 1 else f"l{told}")
        x, y = across, upwards
    return " ".join(parts)


def _is_between(before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Say whether a point is on the straight line from the one before to the one after."""
    turned = before[0] * after[1] - before[1] * after[0]
    ahead = before[0] * after[0] + before[1] * after[1]
    length = ((before[0] + after[0]) ** 2 + (before[1] + after[1]) ** 2) ** 0.5
    return ahead >= 0 and abs(turned) <= length


def _rounded(text: str) -> str:
    return NUMBER.sub(lambda found: _short(found[0], 4 if "scale" in text else 2), text)


def _short(number: str, digits: int = 2) -> str:
    return f"{round(float(number), digits):.10g}"
