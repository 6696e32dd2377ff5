import json
from getpass import getuser

import pytest

CELLS = "cell=[rnn, gru, {name: lstm, forget_bias: [0, 3]}]"


def counts(bptt, grid):
    (found,) = [g for g in json.loads(bptt("grids", "--json")[1]) if g["grid_id"] == grid]
    return found["counts"]


def test_cancel_of_a_grid_asks_first(bptt, submitted):
    code, out, errors = bptt("cancel", "bias")

    assert (code, out) == (2, "")
    assert errors[-1] == (
        f"Cancel 6 runs of bias ({submitted})? Nobody can answer here: give --yes to agree."
    )
    assert counts(bptt, submitted) == {"queued": 6}


def test_cancel_ends_what_waits_and_asks_what_runs_to_stop(bptt, submitted, machine):
    worker = machine()
    worker.begin()

    code, out, _ = bptt("cancel", "bias", "--yes")

    assert (code, out) == (0, f"Grid bias ({submitted}): cancelled 5, stopping 1.\n")
    assert "cancelling 10/1,000" in bptt("runs", submitted)[1]


def test_one_run_is_cancelled_without_asking(bptt, submitted):
    code, out, _ = bptt("cancel", f"{submitted}-3", f"{submitted}-4")

    assert (code, out) == (
        0,
        f"Run {submitted}-3: cancelled.\nRun {submitted}-4: cancelled.\n",
    )


def test_what_can_be_done_is_done_and_the_rest_told(bptt, submitted):
    bptt("cancel", f"{submitted}-3")

    code, out, errors = bptt("cancel", f"{submitted}-3", f"{submitted}-4")

    assert (code, out) == (2, f"Run {submitted}-4: cancelled.\n")
    assert len(errors) == 1
    assert f"{submitted}-3" in errors[0]


def test_unknown_target_keeps_the_others_from_being_touched(bptt, submitted):
    code, out, errors = bptt("cancel", f"{submitted}-3", "nothing", "naught")

    assert (code, out, len(errors)) == (2, "", 2)
    assert counts(bptt, submitted) == {"queued": 6}


def test_held_grid_begins_nothing_until_it_is_released(bptt, submitted, machine):
    worker = machine()

    _, held, _ = bptt("hold", "bias")
    nothing = worker.begin()
    _, released, _ = bptt("release", "bias")

    assert held.endswith(f"To go on: bptt release {submitted}\n")
    assert nothing is None
    assert released == f"Grid bias ({submitted}): released, 6 runs queued.\n"
    assert worker.begin() is not None


def test_held_run_is_passed_over(bptt, submitted, machine):
    code, out, _ = bptt("hold", f"{submitted}-0", "--json")

    assert (code, json.loads(out)) == (0, [{"run": f"{submitted}-0", "user": getuser(), "held": 1}])
    assert machine().begin().run_id == f"{submitted}-1"
    assert bptt("release", f"{submitted}-0")[1] == f"Run {submitted}-0: released.\n"


def test_failed_runs_are_run_again_under_new_ids(bptt, submitted, machine):
    worker = machine()
    worker.succeed(worker.begin())
    worker.fail(worker.begin())

    code, out, _ = bptt("retry", "bias", "--failed")

    assert (code, out) == (0, f"Queued 1 run again. Next: bptt watch {submitted}\n")
    assert f"{submitted}-1r1" in bptt("runs", submitted)[1]
    assert bptt("retry", "bias")[1] == (
        f"Nothing in grid {submitted} failed; nothing was queued.\n"
    )


def test_cancelled_run_is_run_again_when_it_is_named(bptt, submitted):
    bptt("cancel", f"{submitted}-2")

    code, out, _ = bptt("retry", f"{submitted}-2")

    new = f"{submitted}-2r1"
    assert (code, out) == (
        0,
        f"Queued {new} in place of {submitted}-2. Next: bptt logs -f {new}\n",
    )


def test_retry_takes_cancelled_runs_of_a_grid_only_on_demand(bptt, submitted):
    bptt("cancel", f"{submitted}-2", f"{submitted}-3")

    without = bptt("retry", submitted)[1]
    with_them = bptt("retry", submitted, "--cancelled", "--json")[1]

    assert without == f"Nothing in grid {submitted} failed; nothing was queued.\n"
    assert sorted(json.loads(with_them)["runs"]) == [f"{submitted}-2r1", f"{submitted}-3r1"]


def test_fill_queues_what_the_grid_lacks(bptt, submitted):
    bptt("cancel", f"{submitted}-2")

    assert bptt("fill", "bias")[1] == f"Queued 1 run. Next: bptt watch {submitted}\n"
    assert bptt("fill", "bias")[1] == (
        f"Every point of {submitted} has its result or is on its way; nothing was queued.\n"
    )


def test_extend_adds_seeds_and_a_cell_and_keeps_the_rest(bptt, submitted):
    code, out, _ = bptt("extend", "bias", "--set", "seeds=3")
    again = bptt("extend", "bias", "--set", "seeds=3")[1]
    cell = bptt("extend", "bias", "--set", CELLS, "--json")[1]

    assert (code, out) == (
        0,
        f"Queued 3 runs; grid bias ({submitted}) now has 9 points. Next: bptt watch {submitted}\n",
    )
    assert (
        again == f"Grid bias ({submitted}) already has all of these points; nothing was queued.\n"
    )
    assert json.loads(cell)["queued"] == 3
    assert counts(bptt, submitted) == {"queued": 12}


def test_extend_wants_to_know_with_what(bptt, submitted):
    code, _, errors = bptt("extend", "bias")

    assert code == 2
    assert errors == ["Say what to add: --set KEY=VALUE, --tuned AXIS, or a FILE."]


def test_priority_may_be_negative(bptt, submitted):
    code, out, _ = bptt("priority", "bias", "-5", "--class", "urgent")

    assert (code, out) == (0, f"Grid bias ({submitted}): priority -5, class urgent.\n")


def test_delete_removes_rows_and_folders(bptt, submitted, machine, home):
    machine().finish_all()

    refused = bptt("delete", "bias")
    code, out, _ = bptt("delete", "bias", "--yes")

    assert refused[0] == 2
    assert (code, out) == (0, f"Deleted grid bias ({submitted}): 6 runs, 6 folders.\n")
    assert list((home / "runs").iterdir()) == []
    assert bptt("grids", "--json")[1] == "[]\n"


def test_one_run_is_deleted_and_its_point_filled_under_an_id_that_none_had(
    bptt, submitted, machine, home
):
    machine().finish_all()

    code, out, _ = bptt("delete", f"{submitted}-2", "--yes")

    assert (code, out) == (0, f"Deleted run {submitted}-2: 1 run, 1 folder.\n")
    assert not (home / "runs" / f"{submitted}-2").exists()
    assert "was deleted" in bptt("show", f"{submitted}-2")[2][0]
    # the five that are left are all there are
    assert "The first" not in bptt("show", submitted)[1]
    assert bptt("fill", "bias")[0] == 0
    assert f"{submitted}-2r1" in bptt("runs", submitted)[1]


def test_delete_is_refused_while_a_run_of_it_runs(bptt, submitted, machine, home):
    machine().begin()

    code, out, errors = bptt("delete", "bias", "--yes")

    assert (code, out, len(errors)) == (2, "", 1)
    assert counts(bptt, submitted) == {"running": 1, "queued": 5}


@pytest.mark.parametrize(
    "arguments",
    [
        ("cancel",),
        ("hold",),
        ("priority", "x"),
        ("priority", "x", "high"),
        ("priority", "x", "1", "--class", "huge"),
        ("runs", "--status", "lost"),
        ("runs", "--limit", "0"),
        ("logs",),
        ("delete",),
        ("extend",),
        ("retry",),
        ("fill",),
        ("api", "--port", "0"),
        ("--server", "http://localhost:1", "run", "bias.yaml"),
        ("--server", "localhost", "grids"),
    ],
    ids=" ".join,
)
def test_misuse_is_told_with_exit_code_2(bptt, arguments, home):
    code, out, errors = bptt(*arguments)

    assert (code, out) == (2, "")
    assert errors
    assert not home.exists()


@pytest.mark.parametrize(
    "command", ["show", "watch", "cancel", "hold", "retry", "fill", "delete", "runs"]
)
def test_unknown_name_is_one_line_that_says_what_there_is(bptt, submitted, command):
    code, out, errors = bptt(command, "nothing")

    assert (code, out, len(errors)) == (2, "", 1)
    assert "nothing" in errors[0]
    assert submitted in errors[0]


def test_beginning_of_several_ids_is_told_with_the_candidates(bptt, submitted):
    bptt("extend", "bias", "--set", "seeds=10")

    exact = bptt("cancel", f"{submitted}-1")
    code, out, (error,) = bptt("cancel", f"{submitted}-")

    assert exact == (0, f"Run {submitted}-1: cancelled.\n", [])
    assert (code, out) == (2, "")
    assert f"{submitted}-0" in error
    assert f"{submitted}-1" in error


def test_unknown_run_is_one_line_that_says_where_they_are_listed(bptt, submitted):
    code, out, (error,) = bptt("logs", f"{submitted}-77")

    assert (code, out) == (2, "")
    assert f"{submitted}-77" in error
    assert "bptt runs" in error


def test_points_served_by_another_grid_are_shown_and_never_changed(bptt, submitted, machine):
    machine().finish_all()
    again = json.loads(bptt("submit", "bias.yaml", "--json")[1])["grid_id"]

    for point in (f"{again}-0", "bias/0", f"{again}/0"):
        code, out, _ = bptt("show", point)
        assert code == 0
        assert out.startswith(f"{point} is served by run {submitted}-0 of ")
    for command in (("cancel",), ("delete", "--yes"), ("hold",), ("retry",)):
        code, out, (error,) = bptt(command[0], f"{again}-0", *command[1:])
        assert (code, out) == (2, "")
        assert f"is served by run {submitted}-0" in error
        code, out, (error,) = bptt(command[0], "bias", *command[1:])
        assert (code, out) == (2, "")
        assert again in error
        assert submitted in error
        assert bptt(command[0], again[:3], *command[1:])[0] == 2
    assert counts(bptt, submitted) == {"succeeded": 6}


def test_runs_are_chosen_by_the_words_that_the_list_shows(bptt, submitted, machine):
    machine().finish_all()

    assert f"{submitted}-0" in bptt("runs", submitted, "--status", "solved")[1]
    for word in ("finished", "diverged", "time limit", "cancelling"):
        assert bptt("runs", submitted, "--status", word)[:2] == (0, "")


@pytest.mark.parametrize(
    "options", [("--cancelled", "--failed"), ("--failed", "--cancelled")], ids=" ".join
)
def test_retry_takes_both_in_either_order(bptt, submitted, options):
    bptt("cancel", f"{submitted}-2")

    assert bptt("retry", submitted, *options)[1].startswith("Queued 1 run again.")
