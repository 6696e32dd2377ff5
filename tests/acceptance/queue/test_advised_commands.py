"""Every command that a comparison advises does what it is advised for."""

import shlex
from dataclasses import replace

import pytest

from bptt.comparison.table import compare
from tests.acceptance.queue.several import STOPPED, TASK, by_cell, grids, result_of  # noqa: F401
from tests.unit.comparison.points import point

SEEDS = "seeds: {n}\n"
TWO = f"{TASK}{STOPPED}cell: [rnn, gru]\n"
ONE = f"{TASK}{STOPPED}cell: rnn\n"


def close(spec):
    """Return values that no few seeds tell apart."""
    return (
        0.8
        + 0.01 * (spec["seed"] * 3 % 5)
        + 0.002 * (spec["cell"]["name"] == "gru") * (spec["seed"] % 3)
    )


def by_rate(spec):
    return by_cell(spec) + 10 * spec["optimizer"]["lr"]


CASES = {
    "two seeds": (TWO + "seeds: 2\n", by_cell, (), "2 seeds tell nothing; 5 are the least"),
    "one seed": (TWO + "seeds: 1\n", by_cell, (), "1 seed tells nothing; 5 are the least"),
    "given seeds": (TWO + "seeds: [7, 3]\n", by_cell, (), "2 seeds tell nothing; 5 are the least"),
    "one configuration, one seed": (ONE + "seeds: 1\n", by_cell, (), "5 seeds are the least"),
    "one configuration": (
        ONE + "optimizer: {name: adam, lr: 0.00123456789}\nseeds: 5\n",
        by_cell,
        (),
        "give an axis more values",
    ),
    "close": (TWO + "seeds: 5\n", close, (), "5 seeds cannot tell the configurations apart"),
    "filtered": (
        f"{TASK}{STOPPED}cell: [rnn, gru, lstm]\nseeds: 2\n",
        by_cell,
        ("--filter", "cell=rnn", "--filter", "cell=gru"),
        "2 seeds tell nothing; 5 are the least",
    ),
    "averaged": (
        f"{TWO}optimizer: {{name: adam, lr: [0.01, 0.001]}}\nseeds: 2\n",
        by_cell,
        ("--by", "cell"),
        "2 seeds tell nothing; 5 are the least",
    ),
    "tuned": (
        f"{TWO}optimizer: {{name: adam, lr: [0.01, 0.001]}}\nseeds: 3\n",
        by_rate,
        ("--tune", "lr"),
        "fresh ones for what was chosen alone",
    ),
    "tuned on named seeds": (
        f"{TWO}optimizer: {{name: adam, lr: [0.01, 0.001]}}\nseeds: 5\n",
        by_rate,
        ("--tune", "lr", "--tune-seeds", "0,1,2"),
        "2 others are too few to",
    ),
}


def advised(text):
    """Return the commands, each on a line of its own below a sentence that leads to it."""
    lines = [line.strip() for line in text.splitlines()]
    assert not [
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.endswith(":") and not following.startswith("bptt ")
    ], text
    return [line for line in lines if line.startswith("bptt ")]


def run(bptt, command):
    program, *words = shlex.split(command)
    assert program == "bptt"
    return bptt(*words)


@pytest.mark.parametrize("case", CASES)
def test_a_command_that_adds_what_is_lacking_queues_it(bptt, grids, machine, case):  # noqa: F811
    text, value, words, said = CASES[case]
    grids("asked", text, value)
    _, out, errors = bptt("compare", "asked", *words)
    assert errors == []
    assert said in out

    commands = advised(out)

    assert commands
    for command in commands:
        code, told, errors = run(bptt, command)
        assert code == 0, (command, errors)
        assert told.startswith("Queued "), command


def test_runs_that_failed_are_to_be_run_again_where_all_seeds_are_there(bptt, grids, machine):  # noqa: F811
    grids("asked", TWO + "seeds: 5\n")
    worker = machine()
    for place in range(10):
        begun = worker.begin()
        if place in (0, 1, 8, 9):
            worker.fail(begun)
        else:
            worker.succeed(begun, result_of(by_cell(begun.spec)))
    _, out, _ = bptt("compare", "asked")

    (command, *others) = advised(out)

    assert not others
    assert " --failed" in command
    code, told, errors = run(bptt, command)
    assert (code, errors) == (0, [])
    assert told.startswith("Queued 4 "), told


def test_nothing_is_advised_where_no_command_would_add_anything():
    rows = [point(cell, seed, 0.9) for cell in ("a", "b") for seed in range(2)]
    gone = [replace(point("b", seed, 0.9), result=None, status="deleted") for seed in (2, 3, 4)]
    gone += [replace(point("a", seed, 0.9), result=None, status="deleted") for seed in (2, 3, 4)]

    (comparison,) = compare(rows + gone)

    assert comparison.verdict.endswith("5 are the least to rely on.")
    assert advised(comparison.verdict) == []


def test_each_of_two_grids_is_extended_by_the_seeds_of_the_other(bptt, grids):  # noqa: F811
    grids("first", f"{TASK}{STOPPED}cell: rnn\nseeds: 5\n", by_cell)
    grids("second", f"{TASK}{STOPPED}cell: gru\nseeds: [10, 11, 12, 13, 14]\n", by_cell)
    _, out, errors = bptt("compare", "first", "second")
    assert errors == []

    commands = advised(out)

    assert [command for command in commands if " extend " in command]
    for command in commands:
        code, told, errors = run(bptt, command)
        assert (code, errors) == (0, []), command
        assert told, command
