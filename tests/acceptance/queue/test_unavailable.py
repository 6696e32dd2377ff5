import os
import socket

import pytest

from bptt import store
from bptt.settings import Settings
from bptt.store.schema import downgrade


@pytest.fixture
def closed_port():
    """An address at which nothing listens, for as long as the test takes."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("submit", "bias.yaml"),
        ("grids",),
        ("show", "bias"),
        ("watch",),
        ("cancel", "bias", "--yes"),
    ],
    ids=" ".join,
)
def test_server_that_does_not_answer_is_one_line_and_exit_code_75(bptt, closed_port, arguments):
    code, out, (line,) = bptt("--server", closed_port, *arguments)

    assert (code, out) == (75, "")
    assert line.startswith(f"The server {closed_port} does not answer: ")


def test_server_of_the_environment_is_asked_too(bptt, closed_port, monkeypatch):
    monkeypatch.setenv("BPTT_SERVER", closed_port)

    code, _, (line,) = bptt("grids")

    assert code == 75
    assert closed_port in line


def test_database_of_a_newer_program_is_refused(bptt, submitted, home):
    database = store.open_database(Settings(home=home).database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()

    code, out, (line,) = bptt("grids")

    assert (code, out) == (2, "")
    assert "newer than this bptt" in line


def test_database_that_is_none_is_one_line(bptt, home):
    home.mkdir()
    (home / "bptt.db").write_bytes(b"no database at all" * 1000)

    code, out, (line,) = bptt("submit", "bias.yaml")

    assert (code, out) == (75, "")
    assert "is damaged or not a SQLite database" in line


def test_home_that_cannot_be_made_is_one_line(bptt, home):
    home.write_text("a file")

    code, out, (line,) = bptt("submit", "bias.yaml")

    assert (code, out) == (2, "")
    assert f"Cannot make the database {home / 'bptt.db'}" in line
    assert "BPTT_HOME" in line


def test_older_database_of_the_home_is_brought_up_to_date_in_passing(bptt, submitted, home):
    database = store.open_database(Settings(home=home).database)
    downgrade(database, "0001")
    database.close()

    code, out, errors = bptt("grids")

    assert (code, errors) == (0, [])
    assert submitted in out
    assert os.stat(home / "bptt.db").st_mode & 0o777 == 0o600
