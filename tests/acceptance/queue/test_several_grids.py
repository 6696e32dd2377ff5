"""`bptt compare A B`: the configurations of several grids, as if they were of one."""

import json
import re

import pytest

from tests.acceptance.queue.several import (
    STOPPED,
    TASK,
    by_cell,
    compared,
    grids,
    groups,
)
from tests.unit.conftest import install_plugin

__all__ = ["grids", "install_plugin"]

MINE = '''
"""A cell of one's own."""
from bptt_plugins.cells.gru import GRU

class Mine(GRU):
    """A gru, tried at %s."""
    tried: int = %s
'''
EDITABLE = {"dir_info": {"editable": True}}


def test_cells_of_two_grids_are_in_one_ranking(bptt, grids):
    one = grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 5\n", by_cell)
    two = grids("two", f"{TASK}{STOPPED}cell: lstm\nseeds: 5\n", by_cell)

    code, out, errors = bptt("compare", "one", "two")
    (found,) = compared(bptt, one, two)

    assert (code, errors) == (0, [])
    lines = out.splitlines()
    assert lines[0] == (
        f"one ({one}) and two ({two}): results of 15 of 15 runs, accuracy, higher is better, "
        "baseline 0.5"
    )
    assert lines[2].split()[-1] == "grids"
    assert re.sub(" +", " ", lines[3]).startswith("best so far lstm 5 ")
    assert lines[3].endswith(two)
    assert "lstm is better than both others (95 % for all of these statements together)." in lines
    assert (found["grid_id"], found["user"]) == ("", "")
    assert [(grid["grid_id"], grid["grid"], grid["points"]) for grid in found["grids"]] == [
        (one, "one", 10),
        (two, "two", 5),
    ]
    assert {name: group["grids"] for name, group in groups(found).items()} == {
        "rnn": {one: 5},
        "gru": {one: 5},
        "lstm": {two: 5},
    }
    # what differs is that alone, for other programs as well
    assert groups(found)["lstm"]["values"] == {"cell": "lstm"}


def test_the_order_in_which_grids_are_given_changes_no_figure(bptt, grids):
    grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 5\n", by_cell)
    grids("two", f"{TASK}{STOPPED}cell: [gru, lstm]\nseeds: [3, 4, 5, 6, 7]\n", by_cell)

    ((found,), (turned,)) = (compared(bptt, *pair) for pair in (("one", "two"), ("two", "one")))

    assert [one["config"] for one in found["groups"]] == [one["config"] for one in turned["groups"]]
    for name, group in groups(found).items():
        other = groups(turned)[name]
        assert group["value"] == pytest.approx(other["value"])
        assert group["grids"] == other["grids"]
        assert group["standing"] == other["standing"]
    assert found["verdict"].partition("\n")[0] == turned["verdict"].partition("\n")[0]


def test_one_configuration_is_pooled_whatever_its_file_left_out(bptt, grids):
    one = grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 5\n", by_cell)
    spelt = (
        f"{TASK}{STOPPED}cell: [rnn, gru]\noptimizer: {{name: adam, lr: 0.001}}\n"
        "model: {hidden_size: 32, layers: 1}\nclipper: none\nseeds: [5, 6, 7, 8, 9]\n"
    )
    two = grids("two", spelt, by_cell)

    (found,) = compared(bptt, "one", "two")

    assert {name: group["grids"] for name, group in groups(found).items()} == {
        "gru": {one: 5, two: 5},
        "rnn": {one: 5, two: 5},
    }
    assert [group["value"]["n"] for group in found["groups"]] == [10, 10]
    assert (
        "The same configuration in several grids, its seeds pooled: rnn and gru." in found["notes"]
    )


def test_a_value_that_one_file_left_at_its_default_tells_configurations_apart(bptt, grids):
    grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 5\n", by_cell)
    grids("two", f"{TASK}{STOPPED}cell: gru\noptimizer: {{lr: 0.01}}\nseeds: 5\n", by_cell)

    (found,) = compared(bptt, "one", "two")

    assert sorted(groups(found)) == ["gru lr=0.001", "gru lr=0.01", "rnn lr=0.001"]
    (by_rate,) = compared(bptt, "one", "two", "--by", "lr")
    # an rnn was trained at one of the rates alone
    assert [group["points"] for group in by_rate["groups"]] == [5, 5]
    assert any(note.startswith("Only gru counts") for note in by_rate["notes"])
    (kept,) = compared(bptt, "one", "two", "--filter", "lr=0.001")
    assert len(kept["groups"]) == 2


def test_a_run_of_both_grids_counts_once(bptt, grids):
    one = grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 5\n", by_cell)
    # served by the runs of the other, and trained again
    two = grids("two", f"{TASK}{STOPPED}cell: [gru, lstm]\nseeds: 5\n", by_cell)
    again = grids("again", f"{TASK}{STOPPED}cell: gru\nseeds: 5\n", lambda spec: 0.1, force=True)

    (found,) = compared(bptt, one, two, again)

    assert groups(found)["gru"]["points"] == 5
    assert groups(found)["gru"]["grids"] == {one: 5, two: 5, again: 5}
    # of two executions of one run, which end alike, that of the first grid
    assert groups(found)["gru"]["value"]["estimate"] == pytest.approx(0.72)
    assert found["points"] == found["ended"] == 15
    assert "5 runs are in several grids and count once." in found["notes"]


def test_what_has_no_result_in_one_grid_has_that_of_the_other(bptt, grids, machine):
    one = grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 5\n", None)
    worker = machine()
    for _ in range(3):
        worker.fail(worker.begin())
    bptt("cancel", one, "--yes")
    grids("two", f"{TASK}{STOPPED}cell: rnn\nseeds: 5\n", by_cell)

    (found,) = compared(bptt, "one", "two")

    assert groups(found)["rnn"]["counts"] == {"finished": 5}
    assert {name["config"] for name in found["lacking"]} == {"gru"}


def test_other_options_of_the_task_are_other_problems(bptt, grids):
    grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 5\n", by_cell)
    grids(
        "two", f"task: {{name: latch, length: 30}}\n{STOPPED}cell: [gru, lstm]\nseeds: 5\n", by_cell
    )

    short, long = compared(bptt, "one", "two")
    _, out, _ = bptt("compare", "one", "two")

    assert (short["problem"], sorted(groups(short))) == ("length=20", ["gru", "rnn"])
    assert (long["problem"], sorted(groups(long))) == ("length=30", ["gru", "lstm"])
    assert "\ntask latch length=30: results of 10 of 10 runs" in out


def test_seeds_are_added_to_the_grids_that_have_the_top_group(bptt, grids):
    def alike(spec):
        return (
            0.7
            + 0.01 * (7 * spec["seed"] % 5)
            + {"lstm": 0.002, "rnn": -0.4}.get(spec["cell"]["name"], 0)
        )

    one = grids("one", f"{TASK}{STOPPED}cell: gru\nseeds: 5\n", lambda s: 0.7 + 0.01 * s["seed"])
    two = grids("two", f"{TASK}{STOPPED}cell: [lstm, rnn]\nseeds: 5\n", alike)
    low = grids(
        "low",
        f"{TASK}{STOPPED}cell: rnn\nclipper: value\nseeds: 5\n",
        lambda s: 0.1 + 0.01 * s["seed"],
    )

    (found,) = compared(bptt, one, two, low)

    sentence, *commands = found["verdict"].splitlines()
    assert sentence.startswith("5 seeds cannot tell 2 of 4 configurations apart: ")
    (number,) = re.findall(r"About (\d+) would", sentence)
    assert commands == [f"bptt extend {grid} --set seeds={number}" for grid in (one, two)]


def test_configurations_without_a_common_seed_are_said_to_be_unpaired(bptt, grids):
    grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 5\n", by_cell)
    two = grids("two", f"{TASK}{STOPPED}cell: lstm\nseeds: [7, 8, 9]\n", by_cell)

    (found,) = compared(bptt, "one", "two")

    assert groups(found)["lstm"]["standing"] == ""
    assert (
        "No seed of lstm is one of the others', and only runs of one seed are paired:\n"
        f"bptt extend {two} --set seeds=5" in found["notes"]
    )
    (turned,) = compared(bptt, "two", "one", "--filter", "cell=lstm", "--filter", "cell=gru")
    assert any(
        "bptt extend" in note and "only runs of one seed" in note for note in turned["notes"]
    )


def test_an_edited_cell_is_another_configuration_and_says_which_is_which(
    bptt, grids, install_plugin
):
    info = install_plugin("[bptt.cells]\nmine = acme_mine:Mine\n", source=MINE % (1, 1))
    address = {"url": info.parent.as_uri()} | EDITABLE
    (info / "direct_url.json").write_text(json.dumps(address))
    text = f"{TASK}{STOPPED}cell: [mine, gru]\nseeds: 3\n"
    one = grids("one", text, by_cell)
    (info.parent / "acme_mine.py").write_text(MINE % (2, 2))
    two = grids("two", text, by_cell)

    (found,) = compared(bptt, "one", "two")

    names = [name for name in groups(found) if name.startswith("mine")]
    assert len(names) == 2
    assert all(re.fullmatch(r"mine .*program=1\.2\+[0-9a-f]{8}", name) for name in names)
    programs = {
        groups(found)[name]["values"]["cell.program"]: groups(found)[name] for name in names
    }
    assert [list(group["grids"]) for group in programs.values()] == [[one], [two]]
    # the other one is the same in both
    assert groups(found)["gru"]["grids"] == {one: 3, two: 3}
    (note,) = [note for note in found["notes"] if note.startswith("cell.program differs: ")]
    assert all(
        f"{program} ({grid})" in note for program, grid in zip(programs, (one, two), strict=True)
    )
    # each run says which programs it and its counterpart are of, as the table calls them
    first, second = (name.partition("program=")[2] for name in names)
    code, out, _ = bptt("show", f"{one}-0")
    (said,) = [line for line in out.splitlines() if line.startswith("same run")]
    assert code == 0
    assert said.split("  ")[-1].strip() == (
        f"{two}-0, of another program: cell mine acme-clippers-{second} (here "
        f"acme-clippers-{first}); acme_mine.py differs"
    )
    assert first != second
    assert f"cell mine acme-clippers-{first} (here" in bptt("show", f"{two}-0")[1]
    # the other cell's run serves both grids
    assert not any("same run" in line for line in bptt("show", f"{one}-3")[1].splitlines())
    # averaged over nothing, whatever distinguishes configurations
    (by_cells,) = compared(bptt, "one", "two", "--by", "cell")
    assert len(by_cells["groups"]) == 3


def test_what_was_tuned_and_has_no_seed_that_judges_is_named(bptt, grids, machine):
    rates = f"{TASK}{STOPPED}optimizer: {{lr: [0.001, 0.01]}}\n"
    one = grids("one", f"{rates}cell: [rnn, gru]\nseeds: [0, 1, 2, 7, 8, 9]\n", by_cell)
    two = grids("two", f"{rates}cell: lstm\nseeds: 3\n", by_cell)

    (found,) = compared(bptt, "one", "two", "--tune", "lr")

    assert sorted(groups(found)) == ["gru", "rnn"]
    note = "Tuned, and without a seed that judges: lstm:\n"
    # after these commands all of them have seeds 10 to 14, and nothing else is trained on those
    commands = f"bptt extend {one} --tuned optimizer.lr --seeds 5\n"
    commands += f"bptt extend {two} --tuned optimizer.lr --seeds 12"
    assert f"{note}{commands}" in found["notes"]
    for grid, seeds in ((one, 5), (two, 12)):
        assert bptt("extend", grid, "--tuned", "lr", "--seeds", str(seeds))[0] == 0
    machine().finish_all()
    (after,) = compared(bptt, "one", "two", "--tune", "lr")
    assert {config: held["value"]["n"] for config, held in groups(after).items()} == {
        "rnn": 5,
        "gru": 5,
        "lstm": 12,
    }
    assert "without a seed that judges" not in str(after["notes"])


def test_a_mean_over_other_axes_is_not_called_pooled(bptt, grids):
    grids("one", f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 3\n", by_cell)
    grids("two", f"{TASK}{STOPPED}cell: [rnn, gru]\nclipper: value\nseeds: 3\n", by_cell)

    (found,) = compared(bptt, "one", "two", "--by", "cell")

    assert [group["points"] for group in found["groups"]] == [6, 6]
    assert not any("pooled" in note for note in found["notes"])
