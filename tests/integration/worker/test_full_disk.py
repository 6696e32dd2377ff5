"""A disk that fills up while runs are trained on it: they wait for room, and lose nothing."""

import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

from bptt import store
from bptt.worker.disk_space import NEEDED, DiskSpace
from tests.integration.worker.queue import PATIENCE
from tests.servers import until


def fill(file: Path) -> None:
    """Write until nothing more fits."""
    with file.open("wb", buffering=0) as ballast:
        for size in (2**16, 2**12, 1):
            with suppress(OSError):
                while True:
                    ballast.write(bytes(size))


def on_small_disk(start_worker, queue, mebibytes=24):
    """Start a worker whose runs lie on a disk of their own; return it and where that is seen."""
    queue.settings.runs.mkdir()
    mount = f"mount -t tmpfs -o size={mebibytes}m none {queue.settings.runs}"
    worker = start_worker(within=mount)
    return worker, Path(f"/proc/{worker.process.pid}/root{queue.settings.runs}")


def test_a_run_goes_on_where_it_stood_when_there_is_room_again(queue, redis, start_worker, faulty):
    calm = queue.submit(text=faulty.slow(), steps=1000)
    faulty.go()
    worker, disk = on_small_disk(start_worker, queue)
    queue.wait(calm)
    # a run of a second might have ended before its disk is full: this one waits for the word
    disturbed = queue.submit(text=faulty.slow(), steps=1000)
    # the second checkpoint is the first one behind an update
    assert until(lambda: list(disk.glob(f"{disturbed[0]}/a1/*.previous.pt")), PATIENCE)
    # the run is not to blame for a disk that its worker finds full too
    queue.blame(disturbed[0])
    fill(disk / "ballast")
    assert until(lambda: queue.run(disturbed[0]).status == "queued", PATIENCE)
    assert until(lambda: store.queue_status(queue.database).workers[0].trouble, PATIENCE)
    (told,) = [w.trouble for w in store.queue_status(queue.database).workers]
    (_, why) = store.position(queue.database, disturbed[0])
    faulty.go()
    (disk / "ballast").unlink()
    queue.wait(disturbed)

    assert (
        why
        == told
        == (f"the disk of {queue.settings.runs} is full, or your share of it: make room there")
    )
    first, *others = queue.attempts(disturbed[0])
    assert first.outcome == "lost"
    assert others[-1].outcome == "succeeded"
    assert others[-1].first_step > 0
    assert queue.run(disturbed[0]).result["hash"] == queue.run(calm[0]).result["hash"]
    assert until(lambda: not store.queue_status(queue.database).workers[0].trouble, PATIENCE)
    assert worker.said(f"there is room in {queue.settings.runs} again")


def test_what_a_quota_leaves_is_tried_out_after_a_run_found_no_room(tmp_path, monkeypatch):
    # a quota shows in no figure of the system: only writing meets it
    room = DiskSpace(tmp_path / "runs")
    assert room.look()
    room.doubt()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (NEEDED // 2, before[1]))
    try:
        refused = room.look()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)

    assert not refused
    assert room.trouble.startswith(f"cannot write in {tmp_path / 'runs'}")
    assert room.look()
    assert room.trouble == ""


def test_a_file_system_that_does_not_count_its_blocks_is_not_full(queue, redis, start_worker):
    # a tmpfs without a limit has 0 of 0 blocks free
    ids = queue.submit(steps=20)
    _, disk = on_small_disk(start_worker, queue, mebibytes=0)
    assert os.statvfs(disk).f_blocks == 0

    queue.wait(ids)
