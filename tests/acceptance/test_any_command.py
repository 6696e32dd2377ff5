"""Command lines made from the program's own commands and options, with values that do not fit."""

import os
import random

import click
import pytest

from bptt.cli import COMMANDS, main
from tests.servers import warm

WAITING = {"up", "worker", "api", "ui", "watch", "heartbeat"}
"""What goes on until it is stopped, or opens a browser: only help and misfits are asked."""
VALUES = [
    *("latch", "lstm", "abcde", "abcde-0", "", " ", "-1", "0", "1", "9" * 20, "1e400"),
    *("nan", "-x", "--", "遗忘门", "a" * 5000, "../..", "/", "\udcff", "%00", "a\nb", "all"),
    *("grid.yaml", "seeds=2", "cell=gru", "task.length=1e9", "=", "optimizer.lr=nan", "3" * 10),
]  # fmt: skip
CODES = {0, 1, 2, 75}
"""1: something could not be done (a check of `doctor`), never with a traceback; 75: try again."""


def commands():
    """Return every command by its words, with its parameters."""
    found = {}
    for name in COMMANDS:
        command = main.commands[name].load()
        if isinstance(command, click.Group):
            found |= {(name, sub): one.params for sub, one in command.commands.items()}
        else:
            found[(name,)] = command.params
    return found


def any_line(known, chance):
    words, params = chance.choice(sorted(known.items(), key=lambda one: one[0]))
    line = list(words)
    for param in params:
        if isinstance(param, click.Argument):
            line += [chance.choice(VALUES) for _ in range(chance.choice([0, 1, 1, 1, 2]))]
        elif chance.random() < 0.3:
            line.append(chance.choice(param.opts))
            if not param.is_flag:
                line.append(chance.choice(VALUES))
    if words[0] in WAITING:
        line.append(chance.choice(["--help", "--no-such-option"]))
    if chance.random() < 0.1:
        line.insert(chance.randrange(len(line) + 1), chance.choice(VALUES))
    return line


def ask_any(folder, count, seed, **how):
    """Give so many command lines in a scratch home; return the exit codes that came."""
    chance = random.Random(seed)
    (folder / "grid.yaml").write_text(
        "name: latch\ntask: latch\ncell: lstm\ntraining: {steps: 5}\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BPTT_")}
    environment |= {"BPTT_HOME": str(folder / "home"), "COLUMNS": "80", "BROWSER": "true"}
    known, codes = commands(), set()
    for _ in range(count):
        line = any_line(known, chance)
        if any("\0" in word for word in line):
            continue
        # each in a process of its own: what one leaves behind must not hide what another does
        done = warm.run(*line, cwd=folder, env=environment, errors="replace", **how)
        told = done.stderr
        assert done.returncode in CODES, (line, done.returncode, told[-2000:])
        assert "Traceback" not in told, (line, told[-2000:])
        assert "bptt failed:" not in told, (line, told[-2000:])
        assert max(map(len, told.split("\n"))) < 6_000, line
        codes.add(done.returncode)
    return codes


def test_no_command_line_ends_in_a_traceback(tmp_path):
    assert {0, 2} <= ask_any(tmp_path, 25, seed=1)


@pytest.mark.soak
def test_none_of_a_thousand_command_lines_ends_in_a_traceback(tmp_path):
    assert {0, 2} <= ask_any(tmp_path, 1_000, seed=2, warm=False)
