"""Contents of files that a home keeps: what `bptt doctor` says of them, and what it mends."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from bptt.doctor.contents import contents, mend_contents
from bptt.library import Library
from bptt.settings import Settings
from bptt.store.content import GRACE

GRID = "name: text\ntask: {name: char_lm, text: %s}\ncell: rnn\ntraining: {steps: 5}\n"


@pytest.fixture
def library(bptt, home):
    """A home with two grids, each of which reads a text of its own."""
    for name in ("one", "two"):
        Path(f"{name}.txt").write_text(f"{name} to be or not to be, that is the question. " * 200)
        Path(f"{name}.yaml").write_text(GRID % f"{name}.txt")
        code, _, errors = bptt("submit", f"{name}.yaml", "--set", f"name={name}")
        assert code == 0, errors
    return Library(Settings(home=home).data)


def found(home):
    return [(one.level, one.told) for one in contents(Settings(home=home))]


def place(library, name):
    return library.path(hashlib.sha256(Path(f"{name}.txt").read_bytes()).hexdigest())


def grow_old(path):
    os.utime(path, (time.time() - GRACE - 60,) * 2)


def test_doctor_counts_what_is_kept_and_says_nothing_where_nothing_is(library, home, tmp_path):
    size = sum(Path(f"{name}.txt").stat().st_size for name in ("one", "two"))

    assert found(home) == [("ok", f"2 contents of files, {size:,} bytes, in {home / 'data'}")]
    assert found(tmp_path / "empty") == []
    assert mend_contents(Settings(home=tmp_path / "empty")) == ""
    assert not (tmp_path / "empty").exists()


def test_a_damaged_content_is_named_and_removed_and_can_be_sent_again(library, home, bptt):
    damaged = place(library, "one")
    damaged.chmod(0o644)
    # of the same size, as a bad disk leaves it
    damaged.write_bytes(damaged.read_bytes().replace(b"be", b"xx", 1))

    (_, _), (level, told) = found(home)
    assert level == "warn"
    assert told.startswith("Damaged on the disk: 1 content (one.txt). First: bptt doctor --fix. ")
    assert "files: 1 damaged, 0 that" in mend_contents(Settings(home=home))
    (_, _), (level, told) = found(home)
    assert (level, "Gone, though runs read it: 1 content (one.txt)" in told) == ("warn", True)
    assert bptt("submit", "one.yaml", "--set", "name=again")[0] == 0
    assert [level for level, _ in found(home)] == ["ok"]


def test_what_no_run_reads_goes_with_fix_a_day_after_it_was_sent(library, home, bptt):
    assert bptt("delete", "one", "--yes")[0] == 0
    unread = place(library, "one")

    ((level, told),) = found(home)
    assert (level, "no run reads 1 of them" in told) == ("ok", True)
    mend_contents(Settings(home=home))
    assert unread.exists()
    grow_old(unread)
    grow_old(place(library, "two"))
    (_, _), (level, told) = found(home)
    assert level == "warn"
    assert f"No run reads 1 content ({unread.stat().st_size:,} bytes) any more" in told
    assert mend_contents(Settings(home=home)).endswith(": 0 damaged, 1 that no run reads.")
    assert not unread.exists()
    assert place(library, "two").exists()
    assert [level for level, _ in found(home)] == ["ok"]
