"""Checks of this machine: versions, the home and its disk, plugins, and whether torch starts."""

import os
import platform
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from bptt.doctor.finding import Finding
from bptt.embedded.home import ROOM
from bptt.settings import Settings, for_child
from bptt.worker.disk_space import free_bytes

EXTRAS = ("worker", "server", "local")
SCARCE = 2 * 2**30
"""Free bytes on the home's disk below which a long grid may not fit."""
SHARED = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "lustre", "beegfs", "afs"}
"""File systems on which several machines' locks, or SQLite's shared memory, cannot be relied on."""
TOLD_VERSIONS = ("torch", "celery", "sqlalchemy", "mlflow-skinny")
STARTS_WITHIN = 180.0
PREPARE = "from bptt.worker.process import prepare; prepare()"


def versions(settings: Settings) -> Iterator[Finding]:
    """Compare what is installed with what this version was tested with."""
    wrong, missing = [], []
    for text in metadata.requires("bptt") or []:
        requirement = Requirement(text)
        if not _concerns(requirement):
            continue
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(requirement.name)
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} {found} (tested: {requirement.specifier})")
    if missing:
        mend = "Install them with: pip install 'bptt[local]'"
        yield Finding("fail", "versions", f"Not installed: {', '.join(missing)}. {mend}")
    if wrong:
        mend = "Install others with: pip install 'bptt[local]'"
        yield Finding("warn", "versions", f"Other than tested: {', '.join(wrong)}. {mend}")
    if not missing and not wrong:
        versions = [f"{name} {metadata.version(name)}" for name in TOLD_VERSIONS]
        text = f"Python {platform.python_version()}, {', '.join(versions)}"
        yield Finding("ok", "versions", text)


def _concerns(requirement: Requirement) -> bool:
    """Whether this machine needs it to train; extras may name each other."""
    if requirement.name == "bptt":
        return False
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in EXTRAS)


def home(settings: Settings) -> Iterator[Finding]:
    """Check the home: ours, writable, with room, on a local disk."""
    folder = settings.home
    there = folder if folder.exists() else _existing_parent(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Finding(
            "fail", "home", f"Cannot write in {there}. Set BPTT_HOME to a folder of yours."
        )
        return
    free = free_bytes(there)
    room = "room is not counted" if free == sys.maxsize else f"{free / 2**30:.1f} GiB free"
    if free < ROOM:
        yield Finding("fail", "home", f"The disk of {folder} is full ({room}): make room there.")
    elif free < SCARCE:
        yield Finding("warn", "home", f"{folder}: {room}; a long grid may need more.")
    else:
        yield Finding("ok", "home", f"{folder}: {room}" + ("" if folder.exists() else ", new"))
    if folder.exists() and folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        text = f"Others may write in {folder}, and so change results: chmod go-w {folder}"
        yield Finding("warn", "home", text)
    if (kind := _file_system(there)) in SHARED and not settings.database_url:
        text = (
            f"{folder} is on a network disk ({kind}), where SQLite may lose what it wrote. "
            "Set BPTT_HOME to a disk of this machine, or BPTT_DATABASE_URL to a PostgreSQL."
        )
        yield Finding("warn", "home", text)


def _existing_parent(folder: Path) -> Path:
    return next(parent for parent in folder.parents if parent.exists())


def _file_system(folder: Path) -> str:
    """Return the type of file system that a folder is on; empty if the system does not say."""
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    kinds = {mount.split()[1]: mount.split()[2] for mount in mounts}
    real = folder.resolve()
    return next((kinds[str(p)] for p in (real, *real.parents) if str(p) in kinds), "")


def training(settings: Settings) -> Iterator[Finding]:
    """Start a process as a worker does, and check that torch can be imported in it."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", PREPARE],
            env=for_child(settings),
            capture_output=True,
            text=True,
            timeout=STARTS_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        text = (
            f"A process to train in did not start within {STARTS_WITHIN:g} s. Is the machine busy?"
        )
        yield Finding("fail", "training", text)
        return
    if done.returncode == 0:
        yield Finding("ok", "training", "a process to train in starts and finds torch imported")
        return
    said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    yield Finding("fail", "training", f"A process to train in does not start: {said[-1]}")
