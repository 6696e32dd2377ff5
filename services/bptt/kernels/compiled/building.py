"""C source to a loaded library: built once, cached in a folder that only its owner can write to."""

import ctypes
import errno
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from bptt.durable import FULL, is_full
from bptt.temporary import outside

FLAGS = ("-O2", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-shared", "-fPIC")
"""Never -ffast-math: with it NaN and infinity need not propagate."""

NATIVE = ("-march=native", "-mcpu=native")
"""Uses everything this processor has; the first of these flags that the compiler knows.

A library built without it gives different bits. So whether a compiler knows a flag is tested
separately, not inferred from a failed build: a disk may have been full for a moment.
"""

EDITION = 2
"""Version of the cache; earlier ones may have been built without the flag."""

SECONDS = 120
"""Seconds; a compiler that takes longer has hung."""

SOME_ROOM = 2**20
"""Bytes that a compiler needs for its output, with plenty to spare."""

NO_ROOM = tuple(map(os.strerror, FULL))
STOPPED = ("Killed", "terminated", "out of memory", os.strerror(errno.ENOMEM))
"""What compilers say when they were interrupted."""

ABANDONED = 3600
"""Seconds after which a build folder belongs to a process that was killed."""


class NotBuilt(Exception):
    """No library could be made; the message says why."""


def load_built(source: str, compilers: Sequence[str], folder: Path) -> None:
    """Load the library of a C source if `folder` has it, for processes that are forked later."""
    with suppress(NotBuilt, OSError):
        if _is_trusted(folder):
            for path in _candidates(folder, _key(source, find_compiler(compilers))):
                _open(path)


def load(source: str, compilers: Sequence[str], folder: Path) -> ctypes.CDLL:
    """Return the library of a C source, from `folder` if it was built before.

    Several processes may build the same library at once: each does so in its own folder and moves
    the result into place. A truncated or changed file is built again.

    Args:
        source: one C file that needs nothing but the C library.
        compilers: commands to try, the first that is installed.
        folder: where libraries are cached; if it cannot be trusted or written to, one of the user's
            own among the temporary files, or else one that is removed at once.

    Raises:
        NotBuilt: no compiler, or it fails, or its result cannot be loaded.
        OSError: a disk is full, which says nothing about whether it can be built.
    """
    command = find_compiler(compilers)
    key = _key(source, command)
    places = (folder, _second_choice())
    for place in filter(_is_trusted, places):
        for path in _candidates(place, key):
            library = _open(path)
            if library is not None:
                if place != folder and _create(folder):
                    _copy(path, folder)
                return library
    reason, full = "no folder can be written to", None
    # one after the other: nothing is created among the temporary files unless it is needed
    for place in filter(_create, places):
        try:
            library = _open(_build(source, command, key, place))
        except OSError as error:
            reason = f"{place}: {error.strerror or error}"
            full = full or (error if is_full(error) else None)
            continue
        if library is not None:
            return library
        reason = f"{place} holds no programs that may run"
    try:
        # a library stays loaded when its file is gone
        with tempfile.TemporaryDirectory(prefix="bptt-kernels-") as own:
            library = _open(_build(source, command, key, Path(own)))
    except OSError as error:
        if is_full(error) or full is not None:
            raise full or error from None
        raise NotBuilt(f"{reason}; {error.strerror or error}") from error
    if library is None:
        raise NotBuilt(f"the compiled kernel cannot be loaded: {reason}")
    return library


def _second_choice() -> Path:
    return outside() / f"bptt-kernels-{os.geteuid()}"


def find_compiler(compilers: Sequence[str]) -> list[str]:
    """Return the command of the first C compiler that is installed.

    Raises:
        NotBuilt: there is none.
    """
    for text in compilers:
        words = shlex.split(text)
        found = shutil.which(words[0]) if words else None
        if found:
            return [found, *words[1:]]
    raise NotBuilt(f"no C compiler: none of {', '.join(compilers)} is installed")


def _key(source: str, command: Sequence[str]) -> str:
    """Return a name for what a compiler makes of a source on this processor."""
    program = Path(command[0]).resolve()
    facts = program.stat()
    compiler = (*command, str(program), facts.st_size, facts.st_mtime_ns)
    parts = (EDITION, source, FLAGS, NATIVE, compiler, instructions())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@cache
def instructions() -> str:
    """Return what determines which instructions may be used here, once per process."""
    facts = [platform.machine(), platform.libc_ver()[0], platform.system()]
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith(("model name", "flags", "Features", "CPU part")):
                    facts.append(line.strip())
                if line.strip() == "":
                    break
    except OSError:
        # only Linux has it
        pass
    return "\n".join(facts)


def _create(folder: Path) -> bool:
    """Create a folder if necessary; return whether it is there and can be trusted."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return False
    return _is_trusted(folder)


def _is_trusted(folder: Path) -> bool:
    """Return whether it is a folder whose contents nobody else could change."""
    try:
        facts = folder.stat()
    except OSError:
        return False
    others = stat.S_IWGRP | stat.S_IWOTH
    mine = facts.st_uid == os.geteuid() and not facts.st_mode & others
    return mine and stat.S_ISDIR(facts.st_mode)


def _candidates(folder: Path, key: str) -> Iterator[Path]:
    """Yield what was built under a key and is still intact: its name contains its own hash."""
    for path in sorted(folder.glob(f"{key}.*.so")):
        try:
            facts = path.lstat()
            if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
                continue
            if path.name == f"{key}.{_digest(path.read_bytes())}.so":
                yield path
                continue
            path.unlink()
        except OSError:
            continue


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _open(path: Path) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        return None


def _build(source: str, command: Sequence[str], key: str, folder: Path) -> Path:
    """Compile into `folder` and return where the library now is.

    Raises:
        NotBuilt: the compiler fails.
        OSError: the folder cannot be written to, or its disk is full.
    """
    _sweep(folder)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as work:
        (Path(work) / "kernel.c").write_text(source)
        said = ""
        # a compiler may know what its assembler does not
        for native in dict.fromkeys((_native(tuple(command)), ())):
            done = _run([*command, *FLAGS, *native, "kernel.c", "-o", "kernel.so", "-lm"], work)
            if done.returncode == 0:
                break
            said = next((line for line in done.stderr.splitlines() if "error" in line), said)
        else:
            said = said or done.stderr[:200].strip() or f"exit code {done.returncode}, no words"
            raise NotBuilt(f"the C compiler {command[0]} fails: {said}")
        built = Path(work) / "kernel.so"
        built.chmod(0o600)
        place = folder / f"{key}.{_digest(built.read_bytes())}.so"
        # next to it, for anyone who wants to read what runs
        os.replace(Path(work) / "kernel.c", folder / f"{key}.c")
        os.replace(built, place)
    return place


@cache
def _native(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the flag that makes a compiler use all this processor has, without writing a file.

    Raises:
        NotBuilt: it does not run, or was stopped.
    """
    for flag in NATIVE:
        if _run([*command, flag, "-fsyntax-only", "-x", "c", os.devnull], None).returncode == 0:
            return (flag,)
    return ()


def _run(command: Sequence[str], folder: str | None) -> subprocess.CompletedProcess[str]:
    """Run a compiler in a folder that it writes to, and return how that went.

    Raises:
        NotBuilt: it does not run, or was stopped.
        OSError: it fails, and the disk is full.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            # in the words of NO_ROOM and STOPPED
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"the C compiler {command[0]} does not run: {error}") from error
    if done.returncode == 0:
        return done
    if folder is not None and _has_no_room(folder, done.stderr):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(Path(folder).parent))
    if done.returncode < 0 or any(words in done.stderr for words in STOPPED):
        raise NotBuilt(f"the C compiler {command[0]} was stopped: {done.stderr[:200].strip()}")
    return done


def _has_no_room(folder: str, said: str) -> bool:
    # the linker dies silently; some file systems count no blocks
    usage = shutil.disk_usage(folder)
    return any(words in said for words in NO_ROOM) or bool(usage.total and usage.free < SOME_ROOM)


def _copy(library: Path, folder: Path) -> None:
    """Store a library that was built elsewhere where its user wants it, too, if possible."""
    with suppress(OSError), tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as work:
        copied = Path(shutil.copy(library, work))
        os.replace(copied, folder / library.name)


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed while building left behind."""
    for work in folder.glob(".build-*"):
        try:
            if time.time() - work.stat().st_mtime > ABANDONED:
                shutil.rmtree(work, ignore_errors=True)
        except OSError:
            continue
