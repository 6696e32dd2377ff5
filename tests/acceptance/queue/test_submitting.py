import json
from pathlib import Path

import pytest


def test_submit_tells_what_was_queued_and_what_to_do_next(bptt, home):
    code, out, errors = bptt("submit", "bias.yaml")

    grid = out.partition("(")[2].partition(")")[0]
    assert (code, errors) == (0, [])
    queued, time, following = out.splitlines()
    assert time.startswith("About ")
    assert [queued, following] == [
        f"Queued 6 runs of grid bias ({grid}): 6 points.",
        f"Next: no worker is up; start one with bptt up -d, then bptt watch {grid}",
    ]
    assert (home / "bptt.db").exists()


def test_installed_commands_queue_show_and_cancel(installed, bptt):
    queued = installed("submit", "bias.yaml")
    grid = queued[1].partition("(")[2].partition(")")[0]

    assert (queued[0], queued[2]) == (0, [])
    assert installed("runs", grid) == bptt("runs", grid)
    assert installed("cancel", grid, "--yes", stdin="n\n") == (
        0,
        f"Grid bias ({grid}): cancelled 6, stopping 0.\n",
        [],
    )


def test_same_grid_again_is_that_grid(bptt, submitted):
    code, out, errors = bptt("submit", "bias.yaml")

    assert (code, errors) == (0, [])
    assert out.splitlines() == [
        f"Grid bias ({submitted}) is in the queue already; nothing was queued twice. "
        "To run it all again: --force.",
        f"Next: bptt watch {submitted}",
    ]


def test_what_has_been_run_is_reused_and_its_user_named(bptt, submitted, machine):
    machine().finish_all()

    code, out, _ = bptt("submit", "bias.yaml", "--set", "seeds=3", "--json")

    told = json.loads(out)
    assert code == 0
    assert (told["points"], told["queued"], sum(told["reused"].values())) == (9, 3, 6)
    assert told["seconds"] is not None


def test_nothing_is_queued_where_everything_has_been_run(bptt, submitted, machine):
    machine().finish_all()

    _, out, _ = bptt("submit", "bias.yaml")

    lines = out.splitlines()
    assert lines[0].startswith("Queued 0 runs of grid bias (")
    assert lines[1].startswith("Already run: 6 by ")
    assert lines[2].startswith("Next: bptt show ")


def test_force_runs_it_all_again(bptt, submitted, machine):
    machine().finish_all()

    _, out, _ = bptt("submit", "bias.yaml", "--force")

    assert out.startswith("Queued 6 runs of grid bias (")


def test_held_grid_waits_for_release(bptt, machine):
    _, out, _ = bptt("submit", "bias.yaml", "--hold", "--priority", "5", "--class", "low")

    grid = out.partition("(")[2].partition(")")[0]
    assert out.splitlines()[0] == f"Held 6 runs of grid bias ({grid}): 6 points."
    assert out.splitlines()[-1] == f"Next: bptt release {grid}"
    worker = machine()
    assert worker.begin() is None
    assert bptt("release", grid)[0] == 0
    assert worker.begin() is not None


def test_dry_run_shows_the_grid_and_queues_nothing(bptt):
    code, out, errors = bptt("submit", "bias.yaml", "--dry-run")

    plain = bptt("grid", "bias.yaml")[1]
    assert (code, errors) == (0, [])
    assert out.startswith(f"{plain}Would queue 6 runs.\nAbout ")
    assert out.endswith(" on 2 slots; less where runs are solved earlier.\nNothing was queued.\n")
    assert bptt("grids", "--json")[1] == "[]\n"


def test_dry_run_estimates_the_time_from_what_was_measured(bptt, submitted, machine):
    machine().finish_all()

    _, out, _ = bptt("submit", "bias.yaml", "--dry-run", "--set", "seeds=10")
    as_json = json.loads(bptt("submit", "bias.yaml", "--dry-run", "--force", "--json")[1])

    assert out.splitlines()[-2].startswith("About ")
    assert out.splitlines()[-2].endswith(" on 2 slots; less where runs are solved earlier.")
    assert as_json["points"] == 6
    assert as_json["seconds"] > 0


def test_dry_run_says_what_is_in_the_queue_or_has_been_run_already(bptt, submitted, machine):
    (queued,) = json.loads(bptt("grids", "--json")[1])
    in_queue = bptt("submit", "bias.yaml", "--dry-run")[1].splitlines()
    twice = bptt("submit", "bias.yaml", "--dry-run", "--force")[1].splitlines()
    machine().finish_all()

    run = bptt("submit", "bias.yaml", "--dry-run")[1].splitlines()
    more = bptt("submit", "bias.yaml", "--dry-run", "--set", "seeds=3")[1].splitlines()
    foreseen = json.loads(bptt("submit", "bias.yaml", "--dry-run", "--json")[1])["foreseen"]

    grid = queued["grid_id"]
    assert in_queue[-2:] == [
        f"Grid bias ({grid}) is in the queue already: it would not be queued twice.",
        "Nothing was queued.",
    ]
    assert twice[-3] == "Would queue 6 runs."
    already = f"Already run: 6 by {queued['user']}. To run them again: --force."
    assert run[-3:] == ["Would queue 0 runs.", already, "Nothing was queued."]
    assert more[-4:-2] == ["Would queue 3 runs.", already]
    assert more[-2].startswith("About ")
    assert (foreseen["queued"], foreseen["reused"]) == (0, {queued["user"]: 6})
    assert bptt("grids", "--json")[1].count('"grid_id"') == 1


def test_dry_run_refuses_what_submitting_would(bptt, submitted):
    (queued,) = json.loads(bptt("grids", "--json")[1])
    assert bptt("users", "set", queued["user"], "--max-queued", "9")[0] == 0

    refused = bptt("submit", "bias.yaml", "--set", "seeds=10")

    assert refused[0] == 2
    assert "6 of at most 9 queued runs" in refused[2][0]
    assert bptt("submit", "bias.yaml", "--dry-run", "--set", "seeds=10") == refused


def test_all_faults_are_told_with_their_lines_and_nothing_is_queued(bptt):
    Path("bias.yaml").write_text("task: latch\ncell: [rnn, lstmm]\noptimizer: {lr: fast}\n")

    code, out, errors = bptt("submit", "bias.yaml", "--set", "seeds=0")

    assert (code, out) == (2, "")
    assert [line.partition(": ")[0] for line in errors] == [
        "bias.yaml:2",
        "bias.yaml:3",
        "--set seeds=0",
    ]
    assert bptt("runs", "--json")[1] == "[]\n"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seeds=10000000", "at most 1,000,000. Split the grid."),
        ("exclude=[{cell: rnn}, {cell: lstm}]", "exclude leaves none of the 6 points"),
    ],
    ids=["ten million", "none"],
)
def test_grid_without_points_or_with_ten_million_is_refused(bptt, override, told):
    code, out, errors = bptt("submit", "bias.yaml", "--set", override)

    assert (code, out) == (2, "")
    assert told in errors[-1]


def test_note_goes_to_the_error_stream(bptt):
    with Path("bias.yaml").open("a") as file:
        file.write("exclude: [{cell: gru}]\n")

    _, _, errors = bptt("submit", "bias.yaml", "--set", "exclude=[{seed: 7}]")

    assert errors == ["--set exclude=[{seed: 7}]: exclude matches no point."]
