"""What a power cut, a full disk and a careless hand leave of files."""

import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path


def tear_journal(folder: Path, chance: random.Random) -> bool:
    """Leave of a journal whole lines, a damaged one, and perhaps more behind it."""
    return _tear_lines(folder / "journal.jsonl", chance)


def tear_checkpoint(folder: Path, chance: random.Random) -> bool:
    """Cut the newest checkpoint short, or change a byte of it."""
    path = folder / "checkpoint.pt"
    try:
        content = bytearray(path.read_bytes())
    except FileNotFoundError:
        return False
    if not content:
        return False
    place = chance.randrange(len(content))
    if chance.random() < 0.5:
        del content[place:]
    else:
        content[place] ^= 0xFF
    _put(path, bytes(content))
    return True


def tear_shipped(home: Path, chance: random.Random) -> bool:
    """Empty what says how much MLflow has, cut it, or put another run's in its place."""
    found = sorted(home.glob("runs/*/a*/shipped.json"))
    if not found:
        return False
    path = chance.choice(found)
    try:
        content = path.read_bytes()
        other = chance.choice(found).read_bytes()
    except FileNotFoundError:
        return False
    _put(path, chance.choice([b"", content[: len(content) // 2], b"\0" * len(content), other]))
    return True


def tear_kernels(home: Path, chance: random.Random) -> bool:
    """Cut every compiled kernel short, as a disk that was full leaves it."""
    # one that is empty already is as short as it gets
    found = [path for path in sorted(home.glob("kernels/**/*.so")) if path.stat().st_size]
    for path in found:
        content = path.read_bytes()
        _put(path, content[: chance.randrange(len(content))])
    return bool(found)


def lock_database(file: Path, seconds: float) -> None:
    """Keep every other process from an SQLite database for a while."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=rw", uri=True, timeout=5)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
    except sqlite3.OperationalError:
        # somebody else holds it, or has removed it
        return


def _tear_lines(path: Path, chance: random.Random) -> bool:
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return False
    if not lines:
        return False
    number = chance.randrange(len(lines))
    line = lines[number][: chance.randrange(len(lines[number]))]
    damaged = chance.choice([line, line + b"\n", b"\0" * len(lines[number])])
    behind = chance.choice([[], lines[number + 1 :]])
    _put(path, b"".join([*lines[:number], damaged, *behind]))
    return True


def _put(path: Path, content: bytes) -> None:
    # a name of its own: processes that have the old file open, or mapped, keep it
    temporary = path.with_name(f"{path.name}.damaged")
    temporary.write_bytes(content)
    os.replace(temporary, path)
