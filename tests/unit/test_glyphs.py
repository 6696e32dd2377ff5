"""Names in any script in pictures; warnings are errors here."""

import pytest
from matplotlib.ft2font import FT2Font

from bptt.figures import glyphs, style

NAMES = ["遗忘门偏置", "latch 比较", "a$b$c", r"$\frac$", "καλά", "ไทย", "🙂", "$100 遗"]


def titled(name):
    figure = style.new_figure(4, 3)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], label=name)
    axes.set_title(name)
    axes.legend()
    figure.suptitle(style.full_title(name, None))
    return figure


@pytest.mark.parametrize("kind", ["png", "svg"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_any_script_is_drawn_without_a_warning(name, kind):
    assert style.to_bytes(titled(name), kind)


@pytest.mark.parametrize("name", NAMES)
def test_no_sign_is_left_to_a_font_that_lacks_it(name):
    figure = titled(name)

    style.to_bytes(figure, "png")

    (text,) = [t for t in figure.texts if t is figure._suptitle]
    paths = glyphs.font_manager.fontManager._find_fonts_by_props(text.get_fontproperties())
    known = {chr(code) for path in paths for code in FT2Font(path).get_charmap()}
    assert set(text.get_text()) <= known


def test_a_long_name_without_glyphs_is_spelt_out_at_its_beginning():
    assert glyphs.spelt("x 遗忘门偏置 y", frozenset("遗忘门偏置")) == (
        "x \\u9057\\u5fd8\\u95e8\\u504f… y"
    )
