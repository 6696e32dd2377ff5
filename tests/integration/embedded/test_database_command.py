"""`bptt database`: upgrade, check and backup as commands."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.integration.embedded.homes import Home
from tests.servers import start_postgres


def test_an_upgrade_makes_the_database_and_a_second_one_finds_it_made(home: Home) -> None:
    missing, first = home.bptt("database", "check"), home.bptt("database", "upgrade")
    second, check = home.bptt("database", "upgrade"), home.bptt("database", "check")

    assert missing.returncode == 2
    assert missing.stderr.endswith("Run: bptt database upgrade\n")
    assert (first.returncode, second.returncode, check.returncode) == (0, 0, 0)
    assert "was upgraded: 0001" in first.stdout
    assert second.stdout == check.stdout.replace("is up to date", "is up to date already")


def test_a_backup_is_a_whole_database_and_replaces_nothing(home: Home, folder: Path) -> None:
    home.bptt("database", "upgrade")

    first = home.bptt("database", "backup", str(folder / "copy.db"))
    second = home.bptt("database", "backup", str(folder / "copy.db"))

    assert (first.returncode, second.returncode) == (0, 2)
    assert "exists already" in second.stderr
    with closing(sqlite3.connect(folder / "copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_backup_of_postgresql_is_left_to_its_own_program(folder: Path) -> None:
    with start_postgres(folder / "p") as server:
        home = Home(folder / "home", BPTT_DATABASE_URL=server.new_database())
        home.bptt("database", "upgrade")

        refused = home.bptt("database", "backup", str(folder / "copy"))

        assert refused.returncode == 2
        assert "pg_dump" in refused.stderr
        assert not (folder / "copy").exists()
