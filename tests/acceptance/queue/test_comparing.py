import csv
import io
import json
import re
from pathlib import Path

import pytest

SEEDS_ONLY = "task: {name: latch, length: 20}\ncell: rnn\nseeds: 3\n"


def rows(out):
    return [" ".join(line.split()) for line in out.splitlines()]


def test_compare_shows_each_configuration_over_its_seeds(bptt, submitted, machine):
    worker = machine()
    worker.succeed(worker.begin())
    worker.succeed(worker.begin())
    worker.fail(worker.begin())
    worker.begin()

    code, out, errors = bptt("compare", "bias")

    assert (code, errors) == (0, [])
    told = rows(out)
    assert told[0] == f"bias ({submitted}): results of 2 of 6 runs, updates, lower is better"
    assert told[2:6] == [
        "best? configuration n updates times as many median solved slope runs",
        "- rnn 2 300 - 300 1 [0.342, 1] -0.02 2 solved",
        "- lstm forget_bias=0 0 - - - - - 1 failed, 1 running",
        "- lstm forget_bias=3 0 - - - - - 2 queued",
    ]
    assert told[7].startswith(
        "So far, no verdict: 3 of 6 runs have not ended, and nobody is ahead."
    )


def test_grid_without_an_axis_but_the_seed_is_one_configuration(bptt, machine):
    Path("seeds.yaml").write_text(SEEDS_ONLY)
    bptt("submit", "seeds.yaml")
    machine().finish_all()

    code, out, _ = bptt("compare", "seeds", "--json")

    assert code == 0
    ((group,),) = [comparison["groups"] for comparison in json.loads(out)]
    assert (group["config"], group["points"], group["value"]["n"]) == ("rnn-latch", 3, 3)
    # and a run of it is called by its name, which has its seed
    assert "rnn-latch-s0 " in bptt("runs", "seeds")[1]
    assert "seed=0" not in bptt("runs", "seeds")[1]


def test_the_task_is_named_whether_it_is_an_axis_or_not(bptt, machine):
    for name, tasks in (("one", "{name: latch, length: 20}"), ("two", "[latch, adding]")):
        Path(f"{name}.yaml").write_text(f"task: {tasks}\ncell: rnn\nseeds: 2\n")
        bptt("submit", f"{name}.yaml")
    machine().finish_all()

    def told(grid):
        tables = list(csv.DictReader(io.StringIO(bptt("compare", grid, "--csv")[1])))
        comparisons = json.loads(bptt("compare", grid, "--json")[1])
        assert [row["task"] for row in tables] == [one["task"] for one in comparisons]
        return [one["task"] for one in comparisons]

    assert told("one") == ["latch"]
    assert told("two") == ["latch", "adding"]
    # a reader of the tables needs to be told only where there are several
    assert [line for line in rows(bptt("compare", "one")[1]) if "task latch" in line] == []
    assert [line for line in rows(bptt("compare", "two")[1]) if "task latch" in line] != []


@pytest.mark.parametrize("arguments", [["nothing"], ["nothing", "--json"]])
def test_unknown_grid_is_refused(bptt, submitted, arguments):
    code, out, (error,) = bptt("compare", *arguments)

    assert (code, out) == (2, "")
    assert "nothing" in error


def test_a_grid_as_json_has_its_axes_and_every_run(bptt, submitted, machine):
    machine().finish_all()

    (told,) = json.loads(bptt("show", submitted, "--json")[1])

    assert [axis["path"] for axis in told["axes"]] == ["cell", "cell.forget_bias", "seed"]
    assert [run["number"] for run in told["runs"]] == list(range(6))
    assert {run["result"]["metrics"]["eval/accuracy"] for run in told["runs"]} == {0.9375}


TUNED = """
name: tuned
task: {name: latch, length: 20}
cell: [rnn, gru]
optimizer: {lr: [0.001, 0.01]}
seeds: 6
"""


def test_values_are_chosen_on_some_seeds_and_judged_on_the_others(bptt, machine):
    Path("tuned.yaml").write_text(TUNED)
    bptt("submit", "tuned.yaml")
    machine().finish_all()

    (found,) = json.loads(bptt("compare", "tuned", "--tune", "lr", "--json")[1])
    assert [(one["tuned_to"], one["value"]["n"]) for one in found["groups"]] == [
        ("lr=0.001", 3)
    ] * 2
    (row, _) = csv.DictReader(io.StringIO(bptt("compare", "tuned", "--tune", "lr", "--csv")[1]))
    assert row["tuned to"] == "lr=0.001"
    _, out, _ = bptt("compare", "tuned", "--tune", "lr", "--tune-seeds", "5", "--html", "page.html")
    assert "judged on the others; --tune-seeds 5 keeps the choice" in out
    assert "tuned to" in Path("page.html").read_text()

    code, out, errors = bptt("compare", "tuned", "--tune", "lr", "--tune-seeds", "5,x")
    assert (code, out) == (2, "")
    assert "'5,x' is no list of seeds" in errors[-1]


def test_what_was_chosen_alone_gets_fresh_seeds_that_judge_it(bptt, machine):
    Path("tuned.yaml").write_text(TUNED)
    bptt("submit", "tuned.yaml")
    code, out, errors = bptt("extend", "tuned", "--tuned", "lr")
    assert (code, out) == (2, "")
    assert "24 runs of the seeds that choose have not ended" in errors[0]
    machine().finish_all()

    code, out, errors = bptt("extend", "tuned", "--tuned", "lr", "--seeds", "4", "--dry-run")
    assert (code, out.startswith("Would queue 8 runs; grid tuned (")) == (0, True)
    assert out.endswith("would have 32 points. Nothing was queued.\n")
    assert errors == [
        "Chosen on seeds 0, 1, 2, 3, 4, 5: rnn takes lr=0.001 and gru takes lr=0.001. Judged on "
        "seeds 6, 7, 8, 9."
    ]
    assert bptt("extend", "tuned", "--tuned", "lr", "--seeds", "4")[1].startswith("Queued 8 runs;")
    again = bptt("extend", "tuned", "--tuned", "lr", "--seeds", "4")[1]
    assert again.endswith("already has all of these points; nothing was queued.\n")
    (coming,) = json.loads(bptt("compare", "tuned", "--tune", "lr", "--json")[1])
    assert coming["verdict"].startswith(
        "So far, no verdict: 8 of 32 runs, with all values that may yet be chosen, have not ended"
    )
    machine().finish_all()

    (found,) = json.loads(bptt("compare", "tuned", "--tune", "lr", "--json")[1])
    assert [(one["tuned_to"], one["value"]["n"]) for one in found["groups"]] == [
        ("lr=0.001", 4)
    ] * 2
    assert "judged on 6, 7, 8, 9, which were added for the values chosen" in found["notes"][0]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--tuned", "lr", "--set", "seeds=3"], "--tuned adds seeds for values that GRID has: no"),
        (["--seeds", "3"], "--seeds, --by, --metric and --tune-seeds belong to --tuned AXIS; more"),
        (["--tuned", "lr", "--seeds", "0"], "Invalid value for '--seeds': 0 is not in the range"),
        (
            ["--tuned", "lr"],
            "--tuned 'lr' is no axis of this grid; it has: cell, cell.forget_bias.",
        ),
    ],
)
def test_what_gets_fresh_seeds_is_said_in_one_way(bptt, submitted, words, line):
    code, out, errors = bptt("extend", submitted, *words)

    assert (code, out) == (2, "")
    assert line in errors[-1]


def test_other_programs_get_a_column_for_each_axis_and_papers_a_table(bptt, machine):
    Path("tuned.yaml").write_text(TUNED)
    bptt("submit", "tuned.yaml")
    machine().finish_all()

    def told(*words):
        code, out, _ = bptt("compare", "tuned", "--filter", "lr=1e-3", *words)
        assert code == 0
        return out

    table = list(csv.DictReader(io.StringIO(told("--format", "csv"))))
    assert {"median", "baseline", "runs solved", "solved estimate"} <= table[0].keys()
    assert [row["median"] for row in table] == ["300.0", "300.0"]
    assert [(row["cell"], row["optimizer.lr"]) for row in table] == [
        ("rnn", "0.001"),
        ("gru", "0.001"),
    ]
    (found,) = json.loads(told("--format", "json"))
    assert [group["values"] for group in found["groups"]] == [
        {"cell": "rnn", "optimizer.lr": 0.001},
        {"cell": "gru", "optimizer.lr": 0.001},
    ]
    assert found["notes"][0].startswith("Only the points with lr=1e-3: ")
    latex = told("--format", "latex").splitlines()
    assert latex[1:3] == [r"\begin{tabular}{lllllllll}", r"\toprule"]
    assert sum(line.endswith(r" \\") for line in latex) == 3
    # a hyphen is no minus
    assert any(re.search(r"\$-0\.\d+\$", line) for line in latex[4:6])
    assert all(line.count(" & ") == 8 for line in latex if line.endswith(r" \\"))
    markdown = told("--format", "markdown").splitlines()
    assert [line.count(" | ") for line in markdown if line.startswith("| ")] == [8] * 4
    assert found["verdict"].splitlines()[0] in "\n".join(markdown).replace("\\", "")

    code, out, errors = bptt("compare", "tuned", "--format", "csv", "--json")
    assert (code, out) == (2, "")
    assert errors == ["--json, --csv and --format exclude each other: give one of them."]
    code, out, errors = bptt("compare", "tuned", "--filter", "lr=7")
    assert (code, out, len(errors)) == (2, "", 1)
