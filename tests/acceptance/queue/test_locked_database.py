"""A database that somebody keeps locked: a command that waits for it says so."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
if sys.argv[2] == "everybody":
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
database.execute("BEGIN EXCLUSIVE")
database.execute("UPDATE users SET weight = weight")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("command", "whom"),
    [
        (("hold", "bias"), "writers"),
        (("submit", "again.yaml"), "writers"),
        (("grids",), "everybody"),
        (("status",), "everybody"),
        (("show", "bias"), "everybody"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_command_that_waits_for_a_locked_database_says_so_once(
    submitted, home: Path, command: tuple[str, ...], whom: str
) -> None:
    Path("again.yaml").write_text(
        "name: again\ntask: latch\ncell: rnn\nclipper: none\ntraining: {steps: 2}\n"
    )
    database = home / "bptt.db"
    # whoever has it open could not be kept out
    with closing(sqlite3.connect(database)) as alone:
        alone.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            [sys.executable, "-c", LOCK, str(database), whom], stdin=pipe, stdout=pipe, text=True
        ) as holder,
        subprocess.Popen(
            ["true"]
            if holder.stdout.readline() != "locked\n"
            else [sys.executable, "-m", "bptt", *command],
            stdout=pipe,
            stderr=pipe,
            text=True,
        ) as waiting,
    ):
        # it is let go when it has said so
        first = waiting.stderr.readline()
        holder.communicate()
        out, more = waiting.communicate()

    assert waiting.returncode == 0, out + first + more
    told = f"The database {database} is locked by another process; waiting up to 30 s for it ...\n"
    assert first == told
    assert "is locked" not in more
