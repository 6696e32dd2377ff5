"""Tables at every width, read back from what was printed."""

import re

import pytest
from rich.cells import cell_len

from bptt.cli.listing import fitted_lines, fold, table_lines

WIDTHS = (120, 100, 80, 60, 40)
TABLES = {
    "compare": (
        ["rank", "configuration", "n", "accuracy", "from best", "solved", "slope", "runs"],
        [
            ["1", "lstm forget_bias=3 global_norm max_norm=1", "3", "0.991 [0.982, 1]", "-",
             "1 [0.439, 1]", "-0.00589 [-0.0113, 0.00451]", "3 solved"],
            ["1 =", "my_very_long_plugin_of_sixty_letters_and_not_one_space_in_all_of_it", "3",
             "0.9", "-0.091 [-0.2, 0.01]", "0 [0, 0.561]", "-0.225 [-0.335, -0.115]",
             "2 solved, 1 diverged"],
        ],
    ),
    "grids": (
        ["grid", "name", "user", "ended", "runs", "queued"],
        [["abcde", "遗忘门偏置的初始化与梯度裁剪的比较", "ada", "12/30",
          "12 succeeded, 18 queued", "5 min ago"],
         ["fghij", "latch", "ada", "30/30", "30 succeeded; 2 diverged", "2 h ago"]],
    ),
    "plugins": (
        ["kind", "name", "distribution", "version"],
        [["cell", "lstm", "bptt", "1.0"],
         ["clipper", "a_clipper_with_a_name", "my-distribution", "0.1"]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("columns", "rows"), TABLES.values(), ids=TABLES.keys())
def test_no_number_and_no_name_is_broken_at_any_width(columns, rows, width):
    lines = fitted_lines(columns, rows, width)

    known = {word for row in (columns, *rows) for text in row for word in text.split()}
    notice = next((at for at, line in enumerate(lines) if line.startswith("Left out")), len(lines))
    shown = lines[:notice]
    assert {word for line in shown for word in line.split()} <= known
    for line in lines:
        assert cell_len(line) <= width or max(map(cell_len, line.split())) > width - 24, line
    left_out = [name for name in columns if re.search(rf"[ ,]{name}[,.]", " ".join(lines[notice:]))]
    for row in rows:
        for name, text in zip(columns, row, strict=True):
            if name not in left_out:
                assert set(text.split()) <= {w for line in shown for w in line.split()}, (
                    name,
                    text,
                )


@pytest.mark.parametrize("width", WIDTHS)
def test_columns_stand_under_each_other_in_cells_not_in_signs(width):
    columns, rows = TABLES["grids"]

    head, first, *_ = fitted_lines(columns, [rows[1]], width)

    for name, text in zip(columns[:4], rows[1], strict=False):
        assert head.index(name) == first.index(text)
    head, first, *_ = fitted_lines(columns, rows[:1], 120)
    assert head.index("ended") == cell_len(first[: first.index("12/30")])


def test_where_nothing_fits_rows_become_lines_with_all_they_hold():
    columns, rows = TABLES["compare"]

    lines = fitted_lines(columns, rows, 40)

    for row in rows:
        for name, text in zip(columns, row, strict=True):
            assert any(line.startswith(name) for line in lines)
            assert set(text.split()) <= {word for line in lines for word in line.split()}


def test_nothing_is_left_out_or_wrapped_where_there_is_no_terminal():
    columns, rows = TABLES["compare"]

    lines = table_lines(columns, rows)

    assert len(lines) == 1 + len(rows)
    assert all(text in line for line, row in zip(lines[1:], rows, strict=True) for text in row)


def test_a_text_is_broken_at_spaces_alone():
    assert fold("max_norm=10 lr=0.003", 8) == ["max_norm=10", "lr=0.003"]
    assert fold("", 8) == [""]


def test_what_a_table_is_asked_for_is_never_left_out():
    columns = ["rank", "configuration", "n", "accuracy", "from best", "slope"]
    rows = [["1 =", "cell=lstm length=20", "4", "0.5137 ± 0.0042", "-", "-0.31 ± 0.02"]]

    for width in range(20, 100):
        lines = fitted_lines(columns, rows, width, needed=4)

        shown = " ".join(lines[: next((n for n, line in enumerate(lines) if "Left" in line), None)])
        assert {"0.5137", "0.0042", "cell=lstm", "length=20"} <= set(shown.split())
