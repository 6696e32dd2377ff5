"""The thread beside the training: outages, the end of the process, other people's faults."""

import os
import signal
import time
from pathlib import Path

import pytest

from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.shipping.beside import ShipperBeside
from bptt.shipping.thread import Shipper
from bptt.tracking import Target, check_target, target_of, unshipped
from bptt.tracking.run.state import Shipped
from tests.servers import put_mlflow_database, until


@pytest.fixture
def start_shipper():
    shippers = []

    def start(target):
        shippers.append(Shipper(target, interval=0.1))
        return shippers[-1]

    yield start
    for shipper in shippers:
        shipper.close()


@pytest.fixture
def own_home(tmp_path):
    """A home with the runs that are made here."""
    put_mlflow_database(tmp_path)
    return Settings(home=tmp_path)


def children():
    """Return the processes that send for this one."""
    found = " ".join(file.read_text() for file in Path("/proc/self/task").glob("*/children"))
    return [
        int(pid)
        for pid in found.split()
        if b"bptt.shipping.beside" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def acknowledged(run, target):
    return Shipped.read(run.folder, target.uri).journal


def test_committed_part_arrives_while_the_run_goes_on(
    make_run, target, stored, start_shipper, wait_until
):
    run = make_run()
    shipper = start_shipper(target)
    shipper.add(run.folder)

    run.metrics(0, train_loss=1.0)
    run.commit()
    wait_until(lambda: acknowledged(run, target) == run.journal.length)

    assert stored(target, run.folder).points == run.points
    assert stored(target, run.folder).run.info.status == "RUNNING"


def test_drain_sends_the_rest_of_an_ended_run(make_run, target, stored, start_shipper):
    run = make_run()
    shipper = start_shipper(target)
    shipper.add(run.folder)
    run.write_whole()

    drained = shipper.drain()

    assert drained
    assert stored(target, run.folder).points == run.points
    assert stored(target, run.folder).run.info.status == "FINISHED"


def test_stopped_run_is_killed_until_it_goes_on(
    make_run, target, stored, start_shipper, wait_until
):
    run = make_run()
    first = start_shipper(target)
    first.add(run.folder)
    run.metrics(0, train_loss=1.0)
    run.commit()
    drained = first.drain()
    first.close()
    status = stored(target, run.folder).run.info.status

    second = start_shipper(target)
    second.add(run.folder)
    wait_until(lambda: stored(target, run.folder).run.info.status == "RUNNING")

    assert (drained, status) == (True, "KILLED")


def test_what_a_server_missed_is_left_and_shipped_later(
    make_run, second_server, stored, start_shipper
):
    second_server.kill()
    target = target_of(second_server.settings_of_client)
    run = make_run()
    run.write_whole()
    shipper = start_shipper(target)
    shipper.add(run.folder)
    delivered = shipper.drain(timeout=0.5)
    shipper.close()
    state_before = check_target(second_server.settings_of_client)

    second_server.start()
    later = start_shipper(target)
    for folder in unshipped(run.folder.path.parent):
        later.add(folder)
    drained = later.drain()

    assert (delivered, state_before, drained) == (False, "down", True)
    assert stored(target, run.folder).points == run.points


def test_server_killed_in_between_loses_and_doubles_nothing(
    make_run, second_server, stored, start_shipper, wait_until
):
    second_server.keep_up()
    target = target_of(second_server.settings_of_client)
    run = make_run()
    for step in range(3000):
        run.metrics(step, train_loss=float(step), grad_norm=1.0, eval_loss=2.0)
    run.commit()
    committed = run.journal.length
    shipper = start_shipper(target)
    shipper.add(run.folder)
    wait_until(lambda: acknowledged(run, target) > 0)
    second_server.kill()
    part = acknowledged(run, target)
    run.metrics(3000, train_loss=0.0)
    run.finish()
    drained_while_down = shipper.drain(timeout=1.0)

    second_server.start()
    drained = shipper.drain()

    assert part < committed
    assert (drained_while_down, drained) == (False, True)
    assert stored(target, run.folder).number == 1
    assert stored(target, run.folder).points == run.points


def test_unreachable_server_never_disturbs_training(make_run, start_shipper, wait_until):
    run = make_run()
    shipper = start_shipper(Target("http://127.0.0.1:9"))
    shipper.add(run.folder)
    run.finish()

    wait_until(lambda: shipper.trouble)

    assert run.folder.run_id in shipper.trouble
    assert not shipper.drain(timeout=0.1)


def test_folder_that_is_no_run_does_not_stand_before_the_others(
    make_run, sqlite_target, stored, start_shipper, tmp_path, wait_until
):
    (tmp_path / "runs" / "empty").mkdir(parents=True)
    run = make_run()
    run.finish()
    shipper = start_shipper(sqlite_target)
    shipper.add(RunFolder(tmp_path / "runs" / "empty"))
    shipper.add(run.folder)

    wait_until(lambda: Shipped.read(run.folder, sqlite_target.uri).complete)

    assert stored(sqlite_target, run.folder).number == 1


def test_run_that_cannot_be_sent_is_not_waited_for(
    make_run, sqlite_target, start_shipper, wait_until
):
    damaged, run = make_run(), make_run()
    (damaged.folder.path / "run.json").write_text("{")
    run.metrics(0, train_loss=1.0)
    run.commit()
    shipper = start_shipper(sqlite_target)
    shipper.add(damaged.folder)
    shipper.add(run.folder)
    wait_until(lambda: acknowledged(run, sqlite_target) == run.journal.length)
    run.finish()
    began = time.monotonic()

    delivered = shipper.drain(timeout=60)

    assert not delivered
    assert time.monotonic() - began < 50
    assert Shipped.read(run.folder, sqlite_target.uri).complete
    assert f"Run {damaged.folder.run_id} cannot be sent to MLflow" in shipper.why


def test_run_that_is_mended_before_the_end_is_sent_with_the_others(
    make_run, sqlite_target, stored, start_shipper, wait_until
):
    run = make_run()
    run.write_whole()
    description = run.folder.path / "run.json"
    whole = description.read_text()
    description.write_text("{")
    shipper = start_shipper(sqlite_target)
    shipper.add(run.folder)
    wait_until(lambda: "cannot be sent" in shipper.why)

    description.write_text(whole)

    assert shipper.drain()
    assert shipper.why == ""
    assert stored(sqlite_target, run.folder).points == run.points


def test_drain_without_folders_is_done_at_once(start_shipper):
    assert start_shipper(Target("http://127.0.0.1:9")).drain(timeout=0.0)


def test_a_process_beside_a_command_sends_its_runs_and_what_earlier_ones_left(
    make_run, own_home, stored
):
    earlier, run = make_run(), make_run()
    earlier.write_whole()
    shipper = ShipperBeside(own_home)
    try:
        shipper.add(run.folder)
        run.write_whole()
        drained = shipper.drain(60.0, earlier=60.0)
    finally:
        shipper.close()

    assert drained == (True, 0)
    for one in (earlier, run):
        assert stored(target_of(own_home), one.folder).points == one.points


def test_a_process_beside_a_command_that_dies_is_told_and_takes_nothing_with_it(make_run, own_home):
    run = make_run()
    run.write_whole()
    shipper = ShipperBeside(own_home)
    # until it has become the other program, its command is ours
    assert until(children, 30)
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    shipper.add(run.folder)
    drained = shipper.drain(60.0)
    shipper.close()

    assert (drained, shipper.why) == ((False, 0), "what sends to MLflow has ended")
    assert [folder.run_id for folder in unshipped(own_home.runs)] == [run.folder.run_id]
