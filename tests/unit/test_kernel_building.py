"""Kernels are built once, whoever builds beside, and never loaded from what others may write."""

import ctypes
import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bptt.kernels.compiled import building
from bptt.kernels.compiled.building import NotBuilt, load

SOURCE = "int answer(void) { return 42; }\n"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "kernels"


@pytest.fixture(autouse=True)
def second_choice(tmp_path, monkeypatch):
    """The folder among the temporary files that is taken where the first cannot be."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"bptt-kernels-{os.geteuid()}"


def answer(cache, source=SOURCE, compilers=("cc", "gcc", "clang")):
    return load(source, compilers, cache).answer()


def libraries(cache):
    return sorted(cache.glob("*.so"))


def test_library_is_built_once_and_found_again(cache):
    assert answer(cache) == 42
    (built,) = libraries(cache)
    before = built.stat().st_mtime_ns

    assert answer(cache) == 42

    assert libraries(cache) == [built]
    assert built.stat().st_mtime_ns == before
    assert list(cache.glob(".build-*")) == []


def test_nothing_is_created_elsewhere_while_the_folder_can_be_used(cache, second_choice):
    for _ in range(2):
        answer(cache)

    assert not second_choice.exists()


def test_folder_is_for_its_owner_alone(cache):
    answer(cache)

    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_another_source_is_another_library(cache):
    assert answer(cache) == 42
    assert answer(cache, SOURCE.replace("42", "43")) == 43


def test_another_processor_is_another_library(cache, monkeypatch):
    answer(cache)
    monkeypatch.setattr(building, "instructions", lambda: "another one")

    answer(cache)

    assert len(libraries(cache)) == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "changed"])
def test_damaged_library_is_built_again(cache, damage):
    source = SOURCE.replace("answer", f"answer_{damage}")
    load(source, ["cc"], cache)
    (built,) = libraries(cache)
    content = built.read_bytes()
    # another file of the same name, for this process has the old one open
    built.unlink()
    built.write_bytes({"cut": content[:1000], "empty": b"", "changed": content[:-1] + b"?"}[damage])

    library = load(source, ["cc"], cache)

    assert getattr(library, f"answer_{damage}")() == 42
    assert all(f".{building._digest(path.read_bytes())}." in path.name for path in libraries(cache))


def test_folder_others_may_write_to_is_not_used(cache):
    cache.mkdir()
    cache.chmod(0o777)

    assert answer(cache) == 42

    assert libraries(cache) == []


def test_folder_of_another_owner_is_not_used(cache):
    if os.geteuid() == 0:
        cache.mkdir(mode=0o700)
        os.chown(cache, 12345, 12345)
        foreign = cache
    else:
        foreign = Path("/usr")

    assert answer(foreign) == 42

    assert libraries(foreign) == []


@pytest.mark.parametrize("place", ["/proc/bptt-kernels", "/dev/null/kernels"])
def test_folder_that_cannot_be_made_is_replaced_by_one_of_the_users_own(place, second_choice):
    assert answer(Path(place)) == 42

    assert len(libraries(second_choice)) == 1
    assert stat.S_IMODE(second_choice.stat().st_mode) == 0o700


def test_what_was_built_elsewhere_is_kept_in_a_folder_that_can_be_used_now(cache, second_choice):
    cache.write_text("a file, no folder")
    assert answer(cache) == 42
    cache.unlink()

    assert answer(cache) == 42

    (kept,) = libraries(cache)
    assert kept.read_bytes() == libraries(second_choice)[0].read_bytes()
    assert list(cache.glob(".build-*")) == []


def test_where_no_folder_can_be_trusted_nothing_is_kept(cache, second_choice):
    for folder in (cache, second_choice):
        folder.mkdir()
        folder.chmod(0o777)

    assert answer(cache) == 42

    assert libraries(cache) + libraries(second_choice) == []
    assert list(second_choice.parent.glob("bptt-kernels-*")) == [second_choice]


def test_library_of_another_owner_in_the_folder_is_not_loaded(cache):
    answer(cache)
    (built,) = libraries(cache)
    content = built.read_bytes()
    built.unlink()
    other = cache / f"{built.name.split('.')[0]}.{'0' * 32}.so"
    other.write_bytes(content)

    assert answer(cache) == 42

    # its name does not hold its hash, so it was removed
    assert not other.exists()


PROGRAM = """
import sys
from pathlib import Path
from bptt.kernels.compiled.building import load
print(load(sys.argv[1], sys.argv[3:], Path(sys.argv[2])).answer())
"""


def start(cache, compiler="cc"):
    command = [sys.executable, "-c", PROGRAM, SOURCE, str(cache), compiler]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_four_processes_build_one_library_at_once(cache):
    running = [start(cache) for _ in range(4)]

    told = [process.communicate(timeout=300) for process in running]

    assert told == [("42\n", "")] * 4
    assert len(libraries(cache)) == 1


def test_killed_while_building_leaves_a_folder_that_works(cache, tmp_path):
    slow = tmp_path / "slow"
    slow.write_text('#!/bin/sh\nsleep 5\nexec cc "$@"\n')
    slow.chmod(0o755)
    process = start(cache, str(slow))
    deadline = time.monotonic() + 200
    while not list(cache.glob(".build-*/kernel.c")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait(timeout=300)
    process.stdout.close()
    process.stderr.close()
    (left,) = cache.glob(".build-*")

    assert answer(cache) == 42
    long_ago = time.time() - building.ABANDONED - 60
    # the orphaned compiler may still write into it
    while left.exists() and time.monotonic() < deadline:
        os.utime(left, (long_ago, long_ago))
        building._sweep(cache)
        time.sleep(0.05)

    assert list(cache.glob(".build-*")) == []


def test_no_compiler_is_said_with_what_was_looked_for(cache, monkeypatch):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(NotBuilt, match="no C compiler: none of cc, gcc, clang is installed"):
        answer(cache)


def test_compiler_that_fails_is_quoted(cache):
    with pytest.raises(NotBuilt, match=r"the C compiler .* fails: .*error"):
        answer(cache, "this is no C\n")


def test_compiler_that_fails_without_a_word_has_its_exit_code(cache, tmp_path):
    with pytest.raises(NotBuilt, match=r"fails: exit code 1, no words"):
        answer(cache, compilers=("false",))


def test_compiler_that_cannot_run_is_named(cache, tmp_path):
    broken = tmp_path / "cc"
    broken.write_text("no program\n")
    broken.chmod(0o755)

    with pytest.raises(NotBuilt, match=str(broken)):
        answer(cache, compilers=[str(broken)])


def test_compiler_without_native_flags_builds_without_them(cache, tmp_path):
    picky = tmp_path / "picky"
    picky.write_text(
        '#!/bin/sh\nfor a in "$@"; do case "$a" in -m*) echo "error: $a" >&2; exit 1;; esac; done\n'
        'exec cc "$@"\n'
    )
    picky.chmod(0o755)

    assert answer(cache, compilers=[str(picky)]) == 42


FULL_AT_FIRST = """#!/bin/sh
case "$*" in *fsyntax-only*) exec cc "$@";; esac
[ -e {0}.full ] && exec cc "$@"
touch {0}.full
echo "cc1: fatal error: error writing to /tmp/cc1.s: No space left on device" >&2
exit 1
"""


def test_disk_that_is_full_for_a_moment_does_not_decide_the_flags_of_what_is_kept(cache, tmp_path):
    source = "double f(double a, double b, double c) { return a * b + c; }\n"
    load(source, ["cc"], cache)
    (calm,) = libraries(cache)
    content = calm.read_bytes()
    compiler = tmp_path / "cc"
    compiler.write_text(FULL_AT_FIRST.format(compiler))
    compiler.chmod(0o755)

    # the first place has no room, the second one has
    load(source, [str(compiler)], cache)
    load(source, [str(compiler)], cache)

    assert [path.read_bytes() for path in libraries(cache)] == [content] * 2


def test_compiler_that_finds_no_room_anywhere_is_a_full_disk_and_no_reason_to_do_without(
    cache, tmp_path
):
    compiler = tmp_path / "cc"
    compiler.write_text(FULL_AT_FIRST.replace("touch", ": ").format(compiler))
    compiler.chmod(0o755)

    with pytest.raises(OSError, match="No space left on device") as told:
        load(SOURCE, [str(compiler)], cache)

    assert told.value.filename == str(cache)
    assert libraries(cache) == []


def test_compiler_that_is_killed_leaves_nothing_that_was_built_otherwise(cache, tmp_path):
    compiler = tmp_path / "cc"
    compiler.write_text('#!/bin/sh\ncase "$*" in *-m*kernel.c*) kill -9 $$;; esac\nexec cc "$@"\n')
    compiler.chmod(0o755)

    with pytest.raises(NotBuilt, match="was stopped"):
        load(SOURCE, [str(compiler)], cache)

    assert libraries(cache) == []


def test_what_is_loaded_is_a_library():
    assert isinstance(load(SOURCE, ["cc"], Path("/dev/null/kernels")), ctypes.CDLL)
