"""Every command that prints a table, on a terminal of every width, read back."""

import io
import json
import re
import sys
from pathlib import Path

import click
import pytest
from rich.cells import cell_len

from bptt.cli import main
from tests.trained import train_claimed
from tests.tried_commands import TABLES

WIDTHS = (120, 100, 80, 60, 40)
NAME = "遗忘门偏置的初始化与梯度裁剪的比较"
GRID = f"""
name: {NAME}
task: {{name: latch, length: 12}}
cell: [{{name: lstm, forget_bias: 3.25}}, gru]
clipper: [none, {{name: global_norm, max_norm: 1.0}}]
optimizer: {{lr: [0.00316, 1.0e-5]}}
model: {{hidden_size: 4}}
training: {{steps: 20, batch_size: 8, evaluate_every: 10, evaluation_size: 16}}
statistics: {{interval: 10}}
"""
OTHER = "另一个网格"
SEVERAL = ("--set", f"name={OTHER}", "--set", "cell=[gru, rnn]")
PICTURE = re.compile(r"[┤│└⠀-⣿]|^ +0 +\d+ +\d+$|lag: steps back")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def home(home, bptt, machine):
    """A grid that was trained, all but its last run, which failed."""
    Path("wide.yaml").write_text(GRID)
    code, _, errors = bptt("submit", "wide.yaml")
    assert code == 0, errors
    worker = machine()
    while (run := worker.begin()) is not None:
        if run.run_id.endswith("-7"):
            worker.fail(run, "ValueError: max_norm must be > 0 and <= 1.5e+308, got -1.25")
        else:
            worker.succeed(run, train_claimed(worker.settings, run))
    # served by runs of the other, and by one that has not begun
    _, _, errors = bptt("submit", "wide.yaml", *SEVERAL)
    assert errors == []
    assert bptt("tokens", "create", "--label", "笔记本电脑 of 2027", "--expires", "30.5")[0] == 0
    return home


@pytest.fixture
def shown(monkeypatch):
    """Run a command in a terminal of this width; return its lines. None: in none."""

    def show(arguments, width):
        out = io.StringIO() if width is None else Terminal()
        monkeypatch.setenv("COLUMNS", str(width or 80))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit):
            main(arguments)
        text = click.unstyle(out.getvalue())
        # watching draws, and at its end draws once more to stay
        text = re.sub(r"\x1b\[\?25[lh]", "", text.rpartition("\x1b[2K")[2])
        return [line for line in text.splitlines() if not PICTURE.search(line)]

    return show


def test_no_number_and_no_name_is_broken_or_cut_at_any_width(home, shown):
    for what, words in TABLES.items():
        arguments = [word.format(grid=NAME, other=OTHER) for word in words]
        whole = words_of(shown(arguments, None if what != "watch" else 400))
        for width in WIDTHS:
            lines = shown(arguments, width)
            left_out = [at for at, line in enumerate(lines) if line.startswith("Left out for want")]
            told = lines[: left_out[0]] if left_out else lines
            broken = words_of(told) - whole
            assert not broken, (what, width, broken)
            if not left_out:
                assert words_of(told) == whole, (what, width, whole - words_of(told))
            for line in lines:
                longest = max(map(cell_len, line.split()), default=0)
                assert cell_len(line) <= width or longest > width - 24, (what, width, line)


def words_of(lines):
    """Return every word, without what is another second later, or a table's own."""
    words = re.sub(r"\b(\d+ (s|min|h|d)( ago)?|just now)\b", "", " ".join(" ".join(lines).split()))
    return {word for word in words.split() if not re.fullmatch(r"[─-]+|[━╸╺]+", word)}


def test_what_a_narrow_terminal_shows_is_what_a_program_reads(home, shown, bptt):
    (comparison,) = json.loads(bptt("compare", NAME, "--json")[1])

    for width in WIDTHS:
        said = "\n".join(shown(["compare", NAME], width))
        for group in comparison["groups"]:
            for part in group["config"].split():
                assert part in said.split()
            if group["value"]:
                assert f"{group['value']['estimate']:.3g}" in said
