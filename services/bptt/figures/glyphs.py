"""Characters that the usual font lacks: drawn with another font of this machine, or spelt out."""

from functools import lru_cache

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

LAST_RESORT = "Last Resort"
"""A font of matplotlib's own that has a box for every character."""
SPELT_AT_MOST = 4
"""How many characters in a row are spelt out; page and caption have the full name."""
OURS = r"\partial"
"""In what we write as mathematics; a dollar in a user's name is just a dollar."""


def make_drawable(figure: Figure) -> None:
    """Have every text of a figure drawn without boxes and without warnings."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        words = text.get_text()
        if OURS in words:
            continue
        if "$" in words:
            text.set_parse_math(False)
        if words.isascii():
            # every font has these; asking takes long
            continue
        usual = font_manager.findfont(text.get_fontproperties())
        lacking = frozenset(words) - _signs(usual) - {"\n"}
        if not lacking:
            continue
        other = _font_with(lacking)
        if other is not None:
            text.set_fontfamily([*text.get_fontfamily(), other])
        else:
            text.set_text(spelt(words, lacking))


def spelt(words: str, lacking: frozenset[str]) -> str:
    """Return a text with missing glyphs spelt out, the first few of each sequence."""
    shown, row = "", 0
    for sign in words:
        row = row + 1 if sign in lacking else 0
        if row <= SPELT_AT_MOST:
            shown += sign.encode("ascii", "backslashreplace").decode() if row else sign
        elif row == SPELT_AT_MOST + 1:
            shown += "…"
    return shown


@lru_cache(maxsize=256)
def _signs(path: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        # a damaged system font does not count
        return frozenset()


@lru_cache(maxsize=64)
def _font_with(lacking: frozenset[str]) -> str | None:
    for font in font_manager.fontManager.ttflist:
        if not font.name.startswith(LAST_RESORT) and lacking <= _signs(font.fname):
            return str(font.name)
    return None
