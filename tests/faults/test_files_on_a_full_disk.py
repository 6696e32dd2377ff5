"""A file that there is no room for: refused in one line, nothing kept, sent when there is room."""

import tempfile
from pathlib import Path

import pytest

from bptt.client import connect
from bptt.errors import StorageUnavailable
from bptt.settings import Settings
from tests.faults.queue.small_disk import SmallDisk

GRID = "task: {name: char_lm, text: book.txt, window: 8}\ncell: rnn\n"


@pytest.fixture
def disk():
    home = Path(tempfile.mkdtemp(prefix="bptt"))
    try:
        disk = SmallDisk(home / "data", mebibytes=9)
    except PermissionError as refusal:
        pytest.skip(str(refusal))
    yield disk
    disk.remove()


def test_a_file_without_room_is_refused_and_taken_when_there_is(disk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("book.yaml").write_text(GRID)
    Path("book.txt").write_text("the cat sat on the mat. " * 100_000)

    with connect(Settings(home=disk.folder.parent)) as client:
        with pytest.raises(StorageUnavailable, match="no room for the file; nothing was kept"):
            client.submit("book.yaml")
        assert [path for path in disk.folder.rglob("*") if path.is_file()] == []
        assert client.grids() == []

        disk.size = "64m"
        disk.clear()
        assert client.submit("book.yaml").queued == 1
