import json
import signal
import subprocess

import pytest

from tests.servers.warm import start


def rows(out):
    return [" ".join(line.split()) for line in out.splitlines()]


def test_grids_shows_how_far_each_is(bptt, submitted, machine):
    worker = machine()
    worker.succeed(worker.begin())
    worker.begin()

    code, out, errors = bptt("grids")

    assert (code, errors) == (0, [])
    assert rows(out) == [
        "grid name ended runs queued",
        f"{submitted} bias 1/6 1 running, 4 queued, 1 succeeded just now",
    ]


def test_no_grids_yet_says_how_to_queue_one(bptt):
    code, out, (error,) = bptt("grids")

    assert (code, out) == (0, "")
    assert error.startswith("No grids yet. Queue one with: bptt submit FILE.")


def test_runs_shows_statuses_and_reasons(bptt, submitted, machine):
    worker = machine()
    worker.succeed(worker.begin())
    worker.fail(worker.begin())
    worker.begin(step=400)

    code, out, _ = bptt("runs", "bias")
    failed = bptt("runs", "bias", "--status", "failed", "--json")[1]

    assert code == 0
    assert rows(out)[:5] == [
        "run what status note",
        f"{submitted}-0 rnn seed=0 solved at 300",
        f"{submitted}-1 rnn seed=1 failed plugin error: ValueError: forget_bias must not be 3",
        f"{submitted}-2 lstm forget_bias=0 seed=0 running 400/1,000",
        f"{submitted}-3 lstm forget_bias=0 seed=1 queued",
    ]
    assert [run["run_id"] for run in json.loads(failed)] == [f"{submitted}-1"]


def test_show_of_a_failed_run_tells_why_what_to_do_and_its_last_lines(bptt, submitted, machine):
    worker = machine()
    worker.succeed(worker.begin())
    worker.lose(worker.begin())
    worker.fail(worker.begin())

    code, out, errors = bptt("show", f"{submitted}-1")

    lines = rows(out)
    assert (code, errors) == (0, [])
    assert lines[0].startswith(f"run {submitted}-1 rnn seed=1 (by ")
    assert lines[1] == "status failed"
    assert lines[2].startswith("attempt 2 ")
    assert "failed with exit code 1 at step 10 on here:12 slot 0" in lines[2]
    assert "by signal 9 (SIGKILL) at step 10" in lines[3]
    assert lines[4] == "failure plugin error: ValueError: forget_bias must not be 3"
    assert lines[5] == (
        f"do Mend the plugin, see bptt logs {submitted}-1, and submit the grid again: with other "
        f"code it is a new one. If its code was not at fault: bptt retry {submitted}-1"
    )
    assert lines[-3:] == [
        "last lines of its log",
        "Traceback ...",
        "ValueError: forget_bias must not be 3",
    ]


def test_show_of_a_grid_tells_its_axes_and_what_each_run_measured(bptt, submitted, machine):
    machine().finish_all()

    code, out, _ = bptt("show", "bias")

    lines = rows(out)
    assert code == 0
    assert lines[0].startswith(f"bias ({submitted}), project latch, by ")
    assert lines[1].startswith("6/6 ended: 6 succeeded; ended after ")
    assert "cell rnn, lstm" in lines
    assert "run what status accuracy slope half-life" in lines
    assert f"{submitted}-5 lstm forget_bias=3 seed=1 solved at 300 0.9375 -0.02 12.5" in lines


def test_show_as_json_holds_attempts_and_hint(bptt, submitted, machine):
    worker = machine()
    worker.fail(worker.begin())

    (told,) = json.loads(bptt("show", f"{submitted}-0", "--json")[1])

    assert told["run"]["failure"]["cause"] == "plugin_error"
    assert [attempt["exit_code"] for attempt in told["attempts"]] == [1]
    assert told["hint"].startswith("Mend the plugin")


def test_logs_prints_what_the_newest_attempt_said(bptt, submitted, machine):
    worker = machine()
    worker.lose(worker.begin(log="of the first\n"))
    run = worker.begin(log="of the second: ü\n")

    newest = bptt("logs", run.run_id)
    first = bptt("logs", run.run_id, "--attempt", "1")
    third = bptt("logs", run.run_id, "--attempt", "3")

    assert newest == (0, "of the second: ü\n", [])
    assert first == (0, "of the first\n", [])
    assert (third[0], third[2]) == (
        2,
        [f"Run {run.run_id} has no attempt 3; there are: 1, 2."],
    )


def test_logs_of_a_run_that_has_not_begun_says_so(bptt, submitted):
    code, out, (error,) = bptt("logs", f"{submitted}-3")

    assert (code, out) == (0, "")
    assert error == f"Run {submitted}-3 has not begun yet; see: bptt show {submitted}-3"


def test_logs_follows_a_run_to_its_end(submitted, machine, home):
    worker = machine()
    run = worker.begin(log="one\n")
    process = start("logs", "-f", run.run_id, stdout=subprocess.PIPE)

    first = process.stdout.readline()
    with (home / "runs" / run.run_id / "a1" / "log.txt").open("a") as log:
        log.write("two\n")
    second = process.stdout.readline()
    worker.succeed(run)
    rest, _ = process.communicate(timeout=60)

    assert (first, second, rest, process.returncode) == ("one\n", "two\n", "", 0)


@pytest.fixture
def watching():
    processes = []

    def watch(*arguments):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(start("watch", *arguments, **pipes))
        return processes[-1]

    yield watch
    for process in processes:
        process.kill()
        process.communicate()


def wait_for(process, text):
    lines = []
    while not lines or text not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], lines
    return lines


def test_watch_follows_the_latest_grid_to_its_end(submitted, machine, watching):
    worker = machine()
    process = watching()
    wait_for(process, "0/6 ended: 6 queued")

    worker.finish_all()
    out, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (0, "")
    lines = out.splitlines()
    assert lines[-3].endswith("6/6 ended: 6 succeeded")
    assert lines[-2:] == [
        f"Grid bias ({submitted}) has ended: 6 succeeded.",
        f"What they measured: bptt show {submitted}",
    ]


def test_watch_ends_with_1_if_runs_failed(submitted, machine, watching):
    worker = machine()
    worker.succeed(worker.begin())
    process = watching(submitted)
    wait_for(process, "1/6 ended")

    failed = worker.begin()
    worker.fail(failed)
    lines = wait_for(process, "2/6 ended")
    worker.finish_all()
    process.communicate(timeout=60)

    assert process.returncode == 1
    assert lines[-2].endswith(
        f"{failed.run_id} failed: plugin error: ValueError: forget_bias must not be 3\n"
    )


def test_watch_ends_where_the_first_run_failed_and_the_rest_is_held(submitted, machine, watching):
    worker = machine()
    run = worker.begin(step=0)
    worker.fail(run)

    out, _ = watching(submitted).communicate(timeout=60)

    assert f"Grid bias ({submitted}) is held: its first run failed at once" in out
    assert f"bptt release {submitted}" in out


def test_interrupted_watch_leaves_the_grid_alone(bptt, submitted, watching):
    process = watching(submitted)
    wait_for(process, "0/6 ended")

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert errors.strip() == f"The grid goes on. Watch it again: bptt watch {submitted}"
    assert json.loads(bptt("grids", "--json")[1])[0]["counts"] == {"queued": 6}


def test_nothing_to_watch_is_told(bptt):
    code, _, errors = bptt("watch")

    assert (code, errors) == (2, ["You have no grid to watch. Queue one with: bptt submit FILE"])
