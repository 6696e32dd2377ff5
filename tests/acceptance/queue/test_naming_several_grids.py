"""`bptt compare A B`: which grid is meant, and which one a run, a row or a page is of."""

import re
from pathlib import Path

import pytest

from tests.acceptance.queue.several import STOPPED, TASK, by_cell, compared, grids, result_of

__all__ = ["grids"]


def test_runs_without_a_value_are_named_with_their_grid(bptt, grids, machine):
    one = grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 3\n", by_cell)
    two = grids("two", f"{TASK}{STOPPED}cell: lstm\nseeds: 3\n", None)
    worker = machine()
    worker.succeed(worker.begin(), result_of(0.9))
    worker.fail(worker.begin())
    assert bptt("delete", f"{one}-5", "--yes")[0] == 0

    code, out, _ = bptt("compare", "one", "two")
    (found,) = compared(bptt, "one", "two")

    assert code == 0
    assert f"No value: deleted from {one}, gru seed=2: missing" in out
    assert f"No value: {two}-1, lstm seed=1: failed: plugin_error" in out
    assert "So far, no verdict: 1 of 9 runs has not ended" in out
    assert f"Not ended: 1 run of {two}." in out
    assert {tuple(lacking["grids"]) for lacking in found["lacking"]} == {(one,), (two,)}


def test_page_and_pictures_are_of_all_grids(bptt, grids):
    one = grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 3\n", by_cell)
    two = grids("two", f"# of two\n{TASK}{STOPPED}cell: lstm\nseeds: 3\n", by_cell)

    code, _, _ = bptt("compare", "one", "two", "--html", "both.html", "--pictures", "drawn")

    assert code == 0
    page = Path("both.html").read_text()
    assert "<h1>one and two</h1>" in page
    assert f"one ({one}) of " in page
    assert f"two ({two}) of " in page
    assert f"The grid file of two ({two})" in page
    assert "# of two" in page
    assert "<th>grids</th>" in page
    code, out, errors = bptt("compare", "one", "two", "--csv")
    assert "grids" in out.splitlines()[0].split(",")
    assert errors[:2] == [f"Grid one ({one})", f"Grid two ({two})"]


def test_grids_of_others_are_named_with_their_owner(bptt, grids, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ada")
    one = grids("mine", f"{TASK}{STOPPED}cell: rnn\nseeds: 3\n", by_cell)
    monkeypatch.setenv("LOGNAME", "bob")
    two = grids("mine", f"{TASK}{STOPPED}cell: gru\nseeds: 3\n", by_cell)

    code, out, _ = bptt("compare", "ada/mine", "mine")
    (found,) = compared(bptt, "ada/mine", "mine")

    assert code == 0
    assert out.startswith(f"ada/mine ({one}) and mine ({two}): results of 6 of 6 runs")
    assert [grid["user"] for grid in found["grids"]] == ["ada", "bob"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["one", "nothing"], "No grid has the id or name 'nothing'."),
        (["one", "one"], r"The grid one \(\w+\) is given twice: give each grid once."),
        (["one", "two", "--by", "lr"], "--by 'lr' is no axis of these grids; they have: cell."),
        (
            ["one", "two", "--tune", "cell", "--tune-seeds", "9"],
            "--tune-seeds 9 is no seed of these",
        ),
        (["one", "two", "--filter", "cell=lru"], "--filter cell=lru: no point has this value"),
        (["one", "two", "--metric", "speed"], "--metric 'speed' is in no result of these grids"),
        (
            ["one", "two", "--metric", "flow/half_life"],
            r"'flow/half_life' is in results of \w+ only",
        ),
        (["one/x", "two"], "No grid has the id or name 'one/x'."),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_what_cannot_be_compared_is_refused_in_one_line(bptt, grids, machine, words, told, form):
    grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 3\n", by_cell)
    grids("two", f"{TASK}{STOPPED}cell: lstm\nseeds: 3\n", None)
    worker = machine()
    while (run := worker.begin()) is not None:
        result = result_of(0.5)
        result["metrics"]["flow/half_life"] = 3.0
        worker.succeed(run, result)

    code, out, errors = bptt("compare", *words, *form)

    assert (code, out, len(errors)) == (2, "", 1), errors
    assert re.search(told, errors[0])
