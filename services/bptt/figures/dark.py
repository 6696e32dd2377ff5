"""A picture for a page that is light or dark as its reader asks: SVG with two sets of colours.

What is printed, or opened where nobody asks, is light.
"""

from collections.abc import Mapping

from bptt.figures import style

DARK_PAPER = "#16181d"
DARK_INK = "#e8e8e8"
DARK: Mapping[str, str] = {
    style.PAPER: DARK_PAPER,
    style.FAINT: "#a2a2a2",
    # of matplotlib's grids and frames
    "#b0b0b0": "#8a8a8a",
    **dict(
        zip(
            style.COLOURS,
            ("#3390d7", "#f3762c", "#1fc296", "#d08cbb", "#9ad8ff", "#ffc954", DARK_INK),
            strict=True,
        )
    ),
}
"""Colours of pictures of a comparison, by those on white paper."""


def for_page(svg: bytes) -> bytes:
    """Return a picture that follows `prefers-color-scheme`, light where nobody says.

    Args:
        svg: as `style.to_bytes` returns it. What is filled with black has no colour of its own in
            it and takes that of the whole picture; all other colours stand in `style` attributes.
    """
    rules = [f"svg {{ fill: {DARK_INK} }}"]
    for light, dark in DARK.items():
        for kind in ("fill", "stroke"):
            rules.append(f'[style*="{kind}: {light.lower()}"] {{ {kind}: {dark} !important }}')
    sheet = f"<style>@media (prefers-color-scheme: dark) {{ {' '.join(rules)} }}</style>\n"
    head, first, rest = svg.partition(b"<defs>")
    return head + sheet.encode() + first + rest
