import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bptt.temporary import OUTSIDE, outside, own_folder, sweep

HOLD = """
import multiprocessing.util, sys, tempfile
from pathlib import Path
from bptt.temporary import own_folder
with own_folder(Path(sys.argv[1])):
    print(multiprocessing.util.get_temp_dir(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="h") as folder:
        yield Path(folder)


def _hold(home: Path) -> "tuple[subprocess.Popen[str], Path]":
    process = subprocess.Popen([sys.executable, "-c", HOLD, home], stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def _end(process: "subprocess.Popen[str]", kill: bool) -> None:
    if kill:
        process.kill()
    process.communicate()


def _folders(home: Path) -> list[Path]:
    return [path for path in (home / "tmp").iterdir() if path.is_dir()]


def test_what_multiprocessing_leaves_lies_in_the_home_and_goes_with_a_process_that_ends(
    home: Path,
) -> None:
    process, folder = _hold(home)
    assert folder.is_relative_to(home / "tmp")
    assert folder.name.startswith("pymp-")
    _end(process, kill=False)
    assert process.returncode == 0
    assert _folders(home) == []


@pytest.mark.parametrize("by", ["the next process", "the end of bptt up"])
def test_what_a_killed_process_left_is_removed(home: Path, by: str) -> None:
    process, folder = _hold(home)
    _end(process, kill=True)
    assert folder.exists()
    if by == "the next process":
        with own_folder(home):
            assert not folder.exists()
    else:
        sweep(home)
    assert _folders(home) == []


def test_what_a_living_process_uses_is_left_alone(home: Path) -> None:
    process, folder = _hold(home)
    try:
        with own_folder(home):
            assert folder.exists()
        sweep(home)
        assert folder.exists()
    finally:
        _end(process, kill=False)


def test_a_home_too_long_for_sockets_has_a_short_folder_outside(home: Path) -> None:
    long = home / ("x" * 90)
    before = outside()
    with own_folder(long):
        assert outside() == before
        assert len(os.fsencode(tempfile.gettempdir())) <= 68
        assert not Path(tempfile.gettempdir()).is_relative_to(long)
        inside = Path(tempfile.gettempdir())
    assert not inside.exists()
    assert OUTSIDE not in os.environ


def test_where_no_folder_can_be_made_everything_stays_as_it_was(home: Path) -> None:
    (home / "tmp").write_text("a file")
    before = tempfile.gettempdir()
    with own_folder(home):
        assert tempfile.gettempdir() == before
