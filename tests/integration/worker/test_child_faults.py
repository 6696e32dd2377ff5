"""What becomes of a run whose process dies, fails or finds its checkpoint damaged."""

from bptt.run_folder import attempts
from bptt.training.checkpoint import from_bytes
from tests.servers import until

PATIENCE = 400.0
LONG = 3_000
"""Steps of a run that lasts for seconds."""


def test_killed_process_goes_on_from_its_checkpoint(queue, redis, start_worker, undisturbed):
    (run_id,) = queue.submit(steps=LONG)
    start_worker()
    queue.wait_for_checkpoint(run_id)

    queue.child(run_id).kill()
    queue.wait([run_id])

    first, second = queue.attempts(run_id)
    assert (first.outcome, first.signal, second.outcome) == ("lost", 9, "succeeded")
    assert len(queue.resumed_at(run_id)) == 1
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_checkpoint_cut_in_half_costs_one_interval(queue, start_worker, undisturbed):
    (run_id,) = queue.submit(steps=LONG)
    first = start_worker()
    folder = queue.wait_for_checkpoint(run_id)
    first.kill()
    before = from_bytes(folder.previous_checkpoint.read_bytes())["run"]["step"]
    content = folder.checkpoint.read_bytes()
    folder.checkpoint.write_bytes(content[: len(content) // 2])

    second = start_worker()
    queue.wait([run_id])

    log = attempts(queue.settings.runs, run_id)[0].log.read_text()
    assert "checkpoint.pt of attempt 1 cannot be used" in log
    assert second.said("checkpoint.pt of attempt 1 cannot be used")
    assert queue.resumed_at(run_id) == [before]
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_run_without_a_good_checkpoint_starts_again(queue, start_worker, undisturbed):
    (run_id,) = queue.submit(steps=LONG)
    first = start_worker()
    folder = queue.wait_for_checkpoint(run_id)
    first.kill()
    folder.checkpoint.write_bytes(b"")
    folder.previous_checkpoint.write_bytes(b"bptt")

    start_worker()
    queue.wait([run_id])

    assert queue.run(run_id).attempt == 2
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_result_that_could_not_be_told_is_adopted(queue, start_worker):
    (run_id,) = queue.submit(steps=LONG)
    first = start_worker()
    folder = queue.wait_for_checkpoint(run_id)

    with queue.away():
        assert until(lambda: folder.is_finished, PATIENCE)
        first.kill()
    start_worker()
    queue.wait([run_id])

    adopted = attempts(queue.settings.runs, run_id)[0]
    assert adopted.attempt == 2
    assert adopted.journal.read_bytes() == folder.journal.read_bytes()
    assert adopted.read("result") == folder.read("result")
    assert queue.run(run_id).result["hash"] == folder.read("result")["hash"]


def test_plugin_that_raises_fails_the_run_with_its_last_words(queue, start_worker, faulty):
    (run_id,) = queue.submit(text=faulty("raise"))

    start_worker()
    queue.wait([run_id], "failed")

    failure = queue.run(run_id).failure
    assert failure["cause"] == "plugin_error"
    assert failure["message"] == "RuntimeError: the clipper has had enough."
    assert "acme_faulty.py" in failure["log_tail"]
    told = attempts(queue.settings.runs, run_id)[0].read("failure")
    assert told["cause"] == "plugin_error"
    assert "in clip" in told["traceback"]


def test_too_much_memory_is_a_failure_with_a_name(queue, start_worker, faulty):
    (run_id,) = queue.submit(text=faulty("memory"))

    start_worker(run_memory_mb=500)
    queue.wait([run_id], "failed")

    assert queue.run(run_id).failure["cause"] == "out_of_memory"
    assert queue.run(run_id).attempt == 1


def test_run_that_kills_its_process_is_not_tried_for_ever(queue, start_worker, faulty):
    (run_id,) = queue.submit(text=faulty("kill", at=3))

    start_worker(checkpoint_seconds=1000)
    queue.wait([run_id], "failed")

    failure = queue.run(run_id).failure
    assert failure["cause"] == "crash_loop"
    assert "SIGKILL" in failure["message"]
    assert [row.outcome for row in queue.attempts(run_id)] == ["lost"] * 3


def test_segmentation_fault_names_the_line_that_led_to_it(queue, start_worker, faulty):
    (run_id,) = queue.submit(text=faulty("segfault"))

    start_worker(checkpoint_seconds=1000)
    queue.wait([run_id], "failed")

    failure = queue.run(run_id).failure
    assert (failure["cause"], failure["signal"]) == ("crash_loop", 11)
    assert "acme_faulty.py" in failure["log_tail"]


def test_process_that_ends_without_a_result_has_not_succeeded(queue, start_worker, faulty):
    (run_id,) = queue.submit(text=faulty("exit"))

    start_worker(checkpoint_seconds=1000)
    queue.wait([run_id], "failed")

    assert "exit code 0 and left no result" in queue.run(run_id).failure["message"]


def test_other_runs_go_on_while_one_fails(queue, start_worker, faulty):
    (bad,) = queue.submit(text=faulty("kill"))
    good = queue.submit(seeds=3)

    start_worker()
    queue.wait(good)
    queue.wait([bad], "failed")

    assert [queue.run(run_id).attempt for run_id in good] == [1] * 3


def test_missing_plugin_is_told_as_such(queue, start_worker, faulty, monkeypatch):
    (run_id,) = queue.submit(text=faulty("raise"))
    monkeypatch.delenv("PYTHONPATH")

    start_worker()
    queue.wait([run_id], "failed")

    assert queue.run(run_id).failure["cause"] == "plugin_missing"
    assert until(lambda: "faulty" in queue.run(run_id).failure["message"])
