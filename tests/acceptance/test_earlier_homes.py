"""Homes that earlier versions made open in this one: nothing in them is lost."""

import base64
import datetime
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, create_engine

from bptt import store
from bptt.client import connect
from bptt.settings import Settings
from bptt.store.schema import downgrade
from tests.servers import postgres_server, redis_server, short_folder, until, warm

__all__ = ["postgres_server", "redis_server"]

HOMES = Path(__file__).parents[1] / "fixtures" / "homes"
STOPPED_AT = 100_000


class Home:
    """A folder with a home in it, and the command for it."""

    def __init__(self, folder: Path, archive: Path, **settings: str) -> None:
        self.folder = folder / "home"
        self.folder.mkdir()
        with tarfile.open(archive) as content:
            content.extractall(self.folder, filter="data")
        self.settings = Settings(
            home=self.folder,
            database_url=settings.get("BPTT_DATABASE_URL", ""),
            redis_url=settings.get("BPTT_REDIS_URL", ""),
        )
        kept = {n: v for n, v in os.environ.items() if not n.startswith("BPTT_")}
        self.environment = kept | {"BPTT_HOME": str(self.folder), "COLUMNS": "120"} | settings

    def bptt(self, *arguments: str) -> str:
        done = warm.run(*arguments, env=self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, grid: str, number: int = 0) -> dict:
        return json.loads(self.bptt("show", f"{grid}/{number}", "--json"))[0]["run"]

    def statuses(self, grid: str) -> list[str]:
        return [run["status"] for run in json.loads(self.bptt("runs", grid, "--json"))]

    def come_to(self, grid: str, statuses: list[str]) -> bool:
        """Wait for the statuses of a grid's runs; the command is given once, when they are there.

        Each command takes half a second of the processor's time.
        """

        with connect(self.settings) as client:
            there = until(lambda: [run.status for run in client.runs(grid)] == statuses, 240)
        return there and self.statuses(grid) == statuses

    def has_resumed(self, run: str) -> bool:
        """Wait until the newest attempt at a run is known to go on from a checkpoint."""
        with connect(self.settings) as client:
            return until(lambda: client.run(run).attempts[-1].first_step, 240)


@pytest.fixture(params=sorted(HOMES.glob("embedded-*.tar.xz")), ids=lambda path: path.name[:13])
def embedded(request) -> Iterator[Home]:
    with short_folder() as folder:
        home = Home(folder, request.param)
        yield home
        warm.run("down", env=home.environment)


def refill(url: str, revision: str, tables: dict) -> None:
    """Make the tables of a revision and fill them with rows."""
    database = store.open_database(url)
    store.upgrade(database)
    downgrade(database, revision)
    database.close()
    engine = create_engine(url)
    there = MetaData()
    there.reflect(engine)
    with engine.begin() as connection:
        for table in there.sorted_tables:
            if table.name == "alembic_version":
                continue
            connection.execute(table.delete())
            for row in tables[table.name]:
                there_is = {k: rebuilt(v) for k, v in row.items() if v is not None}
                connection.execute(table.insert().values(there_is))
            for column in table.primary_key:
                if column.autoincrement is True or column.server_default or column.identity:
                    go_on = (
                        f"SELECT setval(pg_get_serial_sequence('{table}', '{column.name}'), 1000)"
                    )
                    connection.exec_driver_sql(go_on)
    engine.dispose()


def rebuilt(value):
    match value:
        case {"bytes": text}:
            return base64.b64decode(text)
        case {"time": text}:
            return datetime.datetime.fromisoformat(text)
    return value


@pytest.fixture(params=sorted(HOMES.glob("team-*.tar.xz")), ids=lambda path: path.name[:9])
def team(request, postgres_server, redis_server) -> Iterator[Home]:
    url = postgres_server.new_database()
    with short_folder() as folder:
        home = Home(folder, request.param, BPTT_DATABASE_URL=url, BPTT_REDIS_URL=redis_server.url)
        tables = json.loads((home.folder / "database.json").read_text())
        (revision,) = (row["version_num"] for row in tables["alembic_version"])
        refill(url, revision, tables)
        yield home


def check_what_had_ended(home: Home) -> None:
    assert home.statuses("kept") == ["succeeded", "succeeded"]
    assert home.statuses("waits") == ["queued", "queued"]
    assert home.statuses("cut") == ["cancelled", "cancelled"]
    shown = home.run("kept", 1)
    assert shown["step"] == 40
    assert shown["result"]["metric"] == "accuracy"
    assert "lstm" in home.bptt("show", "kept/1")
    (compared,) = json.loads(home.bptt("compare", "kept", "--json"))
    assert len(compared["groups"]) == 2
    assert "damaged" not in home.bptt("show", "kept/0", "kept/1")


def check_what_goes_on(home: Home) -> None:
    """A run that was stopped goes on from its checkpoint; runs that were held begin."""
    assert home.has_resumed("stopped/0")
    # it trains as fast as it can until then
    home.bptt("cancel", "stopped", "--yes")
    assert home.come_to("stopped", ["cancelled"])
    assert "resumed at step" in home.bptt("show", "stopped/0")
    assert home.run("stopped")["step"] > STOPPED_AT
    home.bptt("priority", "waits", "1")
    home.bptt("release", "waits")
    assert home.come_to("waits", ["succeeded"] * 2)


def test_a_home_of_an_earlier_version_is_shown_resumed_and_shipped(embedded):
    check_what_had_ended(embedded)
    # no sooner: from then on a run trains as fast as it can
    embedded.bptt("up", "-d", "--slots", "2")
    check_what_goes_on(embedded)
    embedded.bptt("down")
    embedded.bptt("ship")

    assert "not reached MLflow" not in embedded.bptt("status")
    assert "fail  " not in embedded.bptt("doctor")


def test_a_team_s_database_of_an_earlier_version_is_upgraded_and_its_runs_go_on(team):
    team.bptt("database", "upgrade")
    team.bptt("database", "upgrade")
    assert team.statuses("stopped") == ["queued"]
    check_what_had_ended(team)
    assert {"ada", "bob"} <= {
        user["name"] for user in json.loads(team.bptt("users", "list", "--json"))
    }
    assert len(json.loads(team.bptt("tokens", "list", "--json"))) == 2

    worker = subprocess.Popen(
        [sys.executable, "-m", "bptt", "worker", "--slots", "2"], env=team.environment
    )
    try:
        check_what_goes_on(team)
    finally:
        worker.terminate()
        worker.wait(60)
