"""Whole or not at all: what is left when the system takes a part of what is written."""

import errno
import os
import subprocess
import sys

import pytest

from bptt import durable
from bptt.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    made = RunFolder(tmp_path / "r1")
    made.create({"run_id": "r1"})
    return made


@pytest.fixture
def in_parts(monkeypatch):
    """A system that takes at most seven bytes at a time."""
    write = os.write
    monkeypatch.setattr(durable.os, "write", lambda handle, data: write(handle, data[:7]))


def test_what_is_written_in_parts_is_whole_in_the_end(folder, in_parts):
    journal = folder.open_journal()
    journal.append({"step": 1, "text": "x" * 50})
    durable.replace(folder.path / "file", bytes(range(100)))

    assert folder.damage() is None
    assert journal.length == folder.journal.stat().st_size
    assert (folder.path / "file").read_bytes() == bytes(range(100))
    journal.close()


def test_system_that_takes_nothing_is_a_full_disk(folder, monkeypatch):
    monkeypatch.setattr(durable.os, "write", lambda handle, data: 0)

    with pytest.raises(OSError, match="No space left") as caught:
        durable.replace(folder.path / "file", b"x")
    assert caught.value.errno in durable.FULL


LIMITED = """
import resource, signal, sys
from pathlib import Path
from bptt.durable import replace
from bptt.run_folder import RunFolder

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = RunFolder(Path(sys.argv[1]))
journal = folder.open_journal()
journal.append({"step": 1})
replace(folder.path / "file", b"old")
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
for call in (
    lambda: journal.append({"step": 2, "text": "x" * 200}),
    lambda: replace(folder.path / "file", bytes(200)),
):
    try:
        call()
    except OSError as error:
        print(error.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append({"step": 3})
"""


def test_write_that_the_system_cuts_leaves_what_was_there_before(folder):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder.path)], capture_output=True, text=True
    )

    assert done.stdout.splitlines() == ["File too large"] * 2, done.stderr
    assert [record["step"] for _, record in folder.records()] == [1, 3]
    assert (folder.path / "file").read_bytes() == b"old"
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "file",
        "journal.jsonl",
        "run.json",
    ]


FULL = """
import sys
from pathlib import Path
from tests.faults.queue.small_disk import SmallDisk
from bptt.run_folder import RunFolder

disk = SmallDisk(Path(sys.argv[1]), mebibytes=8)
folder = RunFolder(Path(sys.argv[1]) / "r1")
folder.create({"run_id": "r1"})
journal = folder.open_journal()
failures = 0
for step in range(400):
    # of one page or two: a write that ends within a page of a full disk is cut at its edge
    record = {"step": step, "text": "x" * (step * 37 % 6000)}
    if step % 5 == 4:
        disk.fill()
        try:
            for _ in range(3):
                journal.append(record | {"step": 1000 + step})
        except OSError as error:
            failures += error.errno == 28
        disk.clear()
    journal.append(record)
assert folder.damage() is None, folder.damage()
steps = [record["step"] for _, record in folder.records() if record["step"] < 1000]
assert steps == list(range(400)), steps
disk.remove()
print(failures)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk to be filled")
def test_disk_that_is_filled_and_freed_again_and_again_tears_no_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "disk")],
        capture_output=True,
        text=True,
        cwd=os.getcwd(),
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60


def test_linked_files_take_no_room_and_replacing_one_leaves_the_other(tmp_path):
    source, place = tmp_path / "source", tmp_path / "place"
    (source / "in").mkdir(parents=True)
    (source / "in" / "file").write_bytes(b"old")
    (place / "in").mkdir(parents=True)
    (place / "in" / "file").write_bytes(b"what was there before")

    durable.link_tree(source, place)
    durable.link_tree(source, place)
    assert (place / "in" / "file").samefile(source / "in" / "file")
    assert [path.name for path in (place / "in").iterdir()] == ["file"]

    durable.replace(source / "in" / "file", b"new")
    assert (place / "in" / "file").read_bytes() == b"old"


def test_files_are_copied_where_they_cannot_be_linked(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(b"kept")
    monkeypatch.setattr(durable.os, "link", refuse)

    durable.link_tree(tmp_path / "source", tmp_path / "place")

    assert (tmp_path / "place" / "file").read_bytes() == b"kept"
