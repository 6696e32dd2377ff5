"""What becomes of a run whose process dies, fails or finds its checkpoint damaged."""

import pytest

from bptt import store
from bptt.durable import replace
from bptt.execution.checkpoint import from_bytes
from bptt.run_folder import attempts
from tests.integration.worker.queue import PATIENCE, STEPS, open_queue, workers_of
from tests.servers import until


@pytest.fixture(scope="module")
def at_work(clippers):
    """A queue with a worker that all tests give failing runs to: they leave no checkpoint."""
    with (
        open_queue(checkpoint_seconds=1000, run_memory_mb=1000) as queue,
        workers_of(queue) as start,
    ):
        start()
        yield queue


def test_plugin_that_raises_fails_the_run_with_its_last_words(at_work, clippers):
    (run_id,) = at_work.submit(text=clippers("raise"))

    at_work.wait([run_id], "failed")

    failure = at_work.run(run_id).failure
    assert failure["cause"] == "plugin_error"
    assert failure["message"] == "RuntimeError: the clipper has had enough."
    assert "acme_faulty.py" in failure["log_tail"]
    told = attempts(at_work.settings.runs, run_id)[0].read("failure")
    assert told["cause"] == "plugin_error"
    assert "in clip" in told["traceback"]


def test_too_much_memory_is_a_failure_with_a_name(at_work, clippers):
    (run_id,) = at_work.submit(text=clippers("memory"))

    at_work.wait([run_id], "failed")

    assert at_work.run(run_id).failure["cause"] == "out_of_memory"
    assert at_work.run(run_id).attempt == 1


def test_run_that_kills_its_process_is_not_tried_for_ever(at_work, clippers):
    (run_id,) = at_work.submit(text=clippers("kill", at=3))

    at_work.wait([run_id], "failed")

    failure = at_work.run(run_id).failure
    assert failure["cause"] == "crash_loop"
    # no memory was short
    assert "SIGKILL (by somebody" in failure["message"]
    assert [row.outcome for row in at_work.attempts(run_id)] == ["lost"] * 3


def test_run_that_alone_finds_no_room_fails_after_three_attempts(at_work, clippers):
    (run_id,) = at_work.submit(text=clippers("no_room"))

    at_work.wait([run_id], "failed")

    failure = at_work.run(run_id).failure
    assert failure["cause"] == "disk_full"
    assert "3 times by itself" in failure["message"]
    assert "No space left on device" in failure["message"]
    assert "bptt retry" in failure["hint"]


def test_segmentation_fault_names_the_line_that_led_to_it(at_work, clippers):
    (run_id,) = at_work.submit(text=clippers("segfault"))

    at_work.wait([run_id], "failed")

    failure = at_work.run(run_id).failure
    assert (failure["cause"], failure["signal"]) == ("crash_loop", 11)
    assert "acme_faulty.py" in failure["log_tail"]


def test_process_that_ends_without_a_result_has_not_succeeded(at_work, clippers):
    (run_id,) = at_work.submit(text=clippers("exit"))

    at_work.wait([run_id], "failed")

    assert "exit code 0 and left no result" in at_work.run(run_id).failure["message"]


def test_other_runs_go_on_while_one_fails(at_work, clippers):
    (bad,) = at_work.submit(text=clippers("kill"))
    good = at_work.submit(seeds=3)

    at_work.wait(good)
    at_work.wait([bad], "failed")

    assert [at_work.run(run_id).attempt for run_id in good] == [1] * 3


def test_missing_plugin_is_told_as_such(at_work, clippers):
    (run_id,) = at_work.submit(text=clippers("raise"), hold=True)
    elsewhere = clippers.metadata.with_name("elsewhere")
    clippers.metadata.rename(elsewhere)
    try:
        store.release_grid(at_work.database, at_work.run(run_id).grid_id, "ada")
        at_work.wait([run_id], "failed")
    finally:
        elsewhere.rename(clippers.metadata)

    assert at_work.run(run_id).failure["cause"] == "plugin_missing"
    assert "faulty" in at_work.run(run_id).failure["message"]


def test_damaged_checkpoint_costs_one_interval_and_without_any_a_run_starts_again(
    queue, redis, start_worker, undisturbed, faulty
):
    ids = queue.submit(text=faulty.slow(), steps=STEPS, seeds=2)
    first = start_worker()
    one, other = (queue.wait_for_checkpoint(run_id) for run_id in ids)
    first.kill()
    before = from_bytes(one.previous_checkpoint.read_bytes())["run"]["step"]
    content = one.checkpoint.read_bytes()
    # as new files: a moment after it was written the last checkpoint is the previous one too
    replace(one.checkpoint, content[: len(content) // 2])
    replace(other.checkpoint, b"")
    replace(other.previous_checkpoint, b"bptt")

    second = start_worker()
    faulty.go()
    queue.wait(ids)

    log = attempts(queue.settings.runs, ids[0])[0].log.read_text()
    assert "checkpoint.pt of attempt 1 cannot be used" in log
    assert second.said("checkpoint.pt of attempt 1 cannot be used")
    assert queue.resumed_at(ids[0]) == [before]
    assert queue.resumed_at(ids[1]) == []
    begun = [before, 0]
    for run_id in ids:
        assert queue.run(run_id).attempt == 2
        # where it really began, not the last step that the database had heard of
        assert [row.first_step for row in queue.attempts(run_id)] == [0, begun.pop(0)]
        assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_result_that_could_not_be_told_is_adopted(queue, start_worker, faulty):
    (run_id,) = queue.submit(text=faulty.slow(), steps=STEPS)
    first = start_worker()
    folder = queue.wait_for_checkpoint(run_id)

    with queue.away():
        faulty.go()
        assert until(lambda: folder.is_finished, PATIENCE)
        first.kill()
    start_worker()
    queue.wait([run_id])

    adopted = attempts(queue.settings.runs, run_id)[0]
    assert adopted.attempt == 2
    assert adopted.journal.read_bytes() == folder.journal.read_bytes()
    assert adopted.read("result") == folder.read("result")
    assert queue.run(run_id).result["hash"] == folder.read("result")["hash"]
