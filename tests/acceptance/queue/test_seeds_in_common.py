"""`bptt compare` where not all configurations have the same seeds, in the words of its command."""

import json
import re
from pathlib import Path

import pytest

from tests.acceptance.queue.several import STOPPED, TASK, grids

__all__ = ["grids"]


def values(spec):
    """Return an accuracy of each cell; later seeds are easy ones, and one cell is erratic."""
    cell, seed = spec["cell"]["name"], spec["seed"]
    if cell == "rnn":
        return 0.9 if seed % 2 else 0.1
    return {"gru": 0.6, "lstm": 0.62}[cell] + 0.003 * (7 * seed % 5) + 0.2 * (seed > 4)


def row(lines, config):
    (found,) = [line for line in lines if re.search(rf"  {config}  ", line)]
    return re.sub("  +", "|", found)


def test_means_are_of_own_runs_and_leads_of_common_seeds(bptt, grids):
    grids("one", f"{TASK}{STOPPED}cell: [gru, rnn]\nseeds: 10\n", values)
    grids("two", f"{TASK}{STOPPED}cell: lstm\nseeds: 5\n", values)

    code, out, errors = bptt("compare", "one", "two")
    _, text, _ = bptt("compare", "one", "two", "--json")

    assert (code, errors) == (0, [])
    lines = out.splitlines()
    # gru has the better mean, of easy seeds that lstm has not run, and is behind on all five
    assert row(lines, "lstm").startswith("best so far|lstm|5|0.626 [")
    assert "|gru|10|0.706 [" in row(lines, "gru")
    assert "|0.02 [" in row(lines, "gru")
    assert "(n 5)" in row(lines, "gru")
    (comparison,) = json.loads(text)
    found = {one["config"]: one for one in comparison["groups"]}
    assert found["gru"]["value"]["estimate"] == pytest.approx(0.706)
    assert found["gru"]["lead"]["estimate"] == pytest.approx(0.02)
    assert found["gru"]["lead"]["n"] == 5
    assert (
        "Not the same seeds: means are of each one's own runs; order, leads and verdict are of the "
        "seeds in common with lstm, in pairs of one seed. gru has the better mean of its own runs, "
        "but is not ahead on the 5 seeds in common."
    ) in lines
    (driven,) = [line for line in lines if "drives the number of seeds" in line]
    assert "rnn drives the number of seeds: its runs spread " in driven
    assert " times as widely as those of any other of these; without it about " in driven
    assert " would tell lstm from gru. " in driven


def test_a_row_with_too_few_common_seeds_says_so_in_the_table_and_its_exports(bptt, grids):
    grids("one", f"{TASK}{STOPPED}cell: gru\nseeds: [0, 1, 2, 3, 4, 5, 6]\n", values)
    grids("two", f"{TASK}{STOPPED}cell: rnn\nseeds: [5, 6, 7, 8]\n", values)

    for options in ((), ("--format", "markdown"), ("--format", "latex")):
        _, out, _ = bptt("compare", "one", "two", *options)
        assert "(2 common seeds: too few)" in out
    _, out, _ = bptt("compare", "one", "two", "--format", "csv")
    assert "2 common seeds" in out
    code, _, errors = bptt("compare", "one", "two", "--html", "page.html")
    assert code == 0, errors
    assert "(2 common seeds: too few)" in Path("page.html").read_text()
