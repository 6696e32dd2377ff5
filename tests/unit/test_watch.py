import io
import json

import pytest
from rich.cells import cell_len
from rich.console import Console

from bptt.api.answers import Progress, Waiting
from bptt.cli import watch_lines, watch_screen
from bptt.cli.watch_screen import Throughput, draw
from bptt.records.grids import Grid
from bptt.records.runs import Run


def a_run(number, status="queued", **given):
    run = {
        "run_id": f"a2b3c-{number}",
        "grid_id": "a2b3c",
        "number": number,
        "name": "lstm-s0",
        "config": "lstm forget_bias=3 lr=0.003",
        "seed": 1,
        "values": {},
        "user": "anna",
        "status": status,
        "stop_request": "none",
        "attempt": 1,
        "step": 0,
        "steps": 10_000,
        "step_seconds": None,
        "worker": "gpu1:12",
        "created_at": 0.0,
        "started_at": None,
        "finished_at": None,
        "result": None,
        "failure": None,
        "reason": None,
        "retry_of": None,
        "mlflow": "no",
        "mlflow_run_id": None,
        "work": 1e9,
    }
    return Run(**(run | given))


def a_failure(number, message="ValueError: no"):
    return a_run(number, "failed", failure={"cause": "plugin_error", "message": message})


def progress(counts, *, ended_at=None, held_reason=None, seconds=754.0, **given):
    grid = Grid(
        grid_id="a2b3c",
        name="bias",
        project="latch",
        user="anna",
        created_at=0.0,
        points=sum(counts.values()),
        counts=counts,
        missing=0,
        reused=0,
        diverged=0,
        priority=0,
        urgency=1,
        held_reason=held_reason,
        ended_at=ended_at,
    )
    between = {} if seconds is None else {"least": seconds / 2, "most": seconds * 2}
    parts = {"share": 0.2, "slots": 2, "busy": 1, "running": [], "waiting": [], "failed": []}
    return Progress(
        grid=grid, seconds=seconds, **between, why_unknown="nothing is measured", **(parts | given)
    )


@pytest.fixture
def screen():
    """Return the lines a terminal of this size shows."""

    def show(shown, width=80, height=24, trouble=None):
        console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
        console.print(draw(shown, "4.1 runs/min", trouble, width, height))
        return [line.rstrip() for line in console.file.getvalue().splitlines()]

    return show


def test_screen_shows_how_far_the_grid_is_and_how_long_it_takes(screen):
    lines = screen(progress({"running": 1, "queued": 6, "succeeded": 3}))

    assert lines[0] == "bias  a2b3c  project latch, by anna"
    assert lines[1].endswith("3/10  about 6 to 25 min left  4.1 runs/min")
    assert lines[2] == "1 running, 6 queued, 3 succeeded"


def test_screen_shows_what_runs_what_waits_and_why_and_what_failed(screen):
    running = [
        a_run(3, "running", step=1234, step_seconds=0.0021, attempt=2),
        a_run(4, "running", stop_request="cancel"),
    ]
    waiting = [
        Waiting(run=a_run(5), before=0, why="1st in the queue"),
        Waiting(run=a_run(6), before=1200, why="your limit of 4 is reached"),
    ]
    counts = {"running": 2, "queued": 9, "failed": 1}

    lines = screen(
        progress(counts, running=running, waiting=waiting, failed=[a_failure(1)]), width=100
    )

    assert lines[4:] == [
        "running",
        "a2b3c-3  lstm forget_bias=3 lr=0.003 seed=1 (attempt 2)  1,234/10,000  476 steps/s",
        "a2b3c-4  lstm forget_bias=3 lr=0.003 seed=1                  0/10,000   cancelling",
        "",
        "waiting",
        "a2b3c-5  lstm forget_bias=3 lr=0.003 seed=1  1st in the queue",
        "a2b3c-6  lstm forget_bias=3 lr=0.003 seed=1  your limit of 4 is reached",
        "and 7 more",
        "",
        "failed",
        "a2b3c-1  plugin error: ValueError: no",
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_ids_are_whole(screen, width):
    running = [a_run(n, "running", step=n, step_seconds=0.01) for n in range(40)]
    waiting = [Waiting(run=a_run(99), before=5, why="because " * 30)]
    failed = [a_failure(n, "no " * 100) for n in range(50, 60)]
    counts = {"running": 40, "queued": 100, "failed": 10}

    lines = screen(
        progress(counts, running=running, waiting=waiting, failed=failed), width, height=24
    )

    assert max(map(len, lines)) <= width
    assert any(line.startswith("a2b3c-0 ") for line in lines)
    assert len(lines) <= 24


@pytest.mark.parametrize("width", [120, 100, 80, 60, 40])
def test_no_number_and_no_name_is_broken_or_cut_at_any_width(screen, width):
    config = "lstm forget_bias=3 lr=0.00316 global_norm max_norm=1.0"
    running = [
        a_run(n, "running", config=config, step=9_000 + n, step_seconds=0.0021) for n in range(2)
    ]
    running.append(a_run(12_345, "running", config="遗忘门偏置的初始化", stop_request="hold"))
    waiting = [
        Waiting(run=a_run(5, config=config), before=1200, why="your limit of 4 running runs"),
        Waiting(run=a_run(6), before=1200, why="1,200th in the queue"),
    ]
    failed = [a_failure(n, "ValueError: max_norm must be > 0, got -1.25") for n in range(2)]
    shown = progress(
        {"running": 3, "queued": 2, "failed": 2, "succeeded": 123_456},
        running=running,
        waiting=waiting,
        failed=failed,
        troubles=["The disk of gpu1:12 is full: 0.25 GB are left, 1.0 GB are needed."],
    )

    lines = screen(shown, width, height=60)

    whole = {word for line in screen(shown, 400, height=60) for word in line.split()}
    assert {word for line in lines for word in line.split()} == whole
    assert max(map(cell_len, lines)) <= width


def test_trouble_and_hold_are_shown_with_their_reason(screen):
    held = progress({"queued": 9, "failed": 1}, held_reason="its first run failed at once: x")

    lines = screen(held, trouble="The database does not answer.")

    assert lines[3:5] == [
        "The database does not answer.",
        "all held: its first run failed at once: x",
    ]


def test_screen_says_why_there_is_no_estimate(screen):
    lines = screen(progress({"queued": 9}, seconds=None))

    assert "0/9  nothing is measured" in lines[1]


def test_last_picture_stays_on_the_terminal():
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    looks = [
        progress({"queued": 2}),
        "The database is away.",
        progress({"succeeded": 2}, ended_at=60.0),
    ]

    last = watch_screen.show(iter(looks), console)

    assert last is looks[-1]
    assert "2/2  ended after 1 min" in console.file.getvalue().rpartition("2 succeeded")[0]


def test_throughput_counts_the_last_minutes_only():
    throughput = Throughput()

    for second in range(0, 1200, 10):
        throughput.add(float(second), 0 if second < 900 else (second - 900) // 10)

    assert throughput.in_words() == "5.8 runs/min"


def test_throughput_is_silent_before_it_knows():
    throughput = Throughput()

    throughput.add(0.0, 5)
    throughput.add(1.0, 6)

    assert throughput.in_words() == ""


def test_lines_come_only_with_changes(capsys):
    looks = [
        progress({"queued": 3}),
        progress({"queued": 3}, seconds=700.0),
        progress({"queued": 2, "failed": 1}, failed=[a_failure(0)]),
        "The database is away.",
        "The database is away.",
        progress({"queued": 2, "failed": 1}, failed=[a_failure(0)]),
        progress({"succeeded": 2, "failed": 1}, ended_at=9.0, failed=[a_failure(0)]),
    ]

    last = watch_lines.show(iter(looks), "bias (a2b3c)")

    told = [line.partition("  ")[2] for line in capsys.readouterr().out.splitlines()]
    assert last is looks[-1]
    assert told == [
        "watching bias (a2b3c)",
        "0/3 ended: 3 queued (about 6 to 25 min left)",
        "a2b3c-0 failed: plugin error: ValueError: no",
        "1/3 ended: 2 queued, 1 failed (about 6 to 25 min left)",
        "The database is away.",
        "1/3 ended: 2 queued, 1 failed (about 6 to 25 min left)",
        "3/3 ended: 2 succeeded, 1 failed",
    ]


def test_json_lines_are_whole_objects(capsys):
    watch_lines.show_json(iter([progress({"queued": 1}), "Away.", progress({"succeeded": 1})]))

    first, trouble, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["grid"]["counts"] == {"queued": 1}
    assert trouble == {"unavailable": "Away."}
    assert last["grid"]["counts"] == {"succeeded": 1}
