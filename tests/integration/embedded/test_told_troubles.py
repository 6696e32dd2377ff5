"""What keeps runs or their results from going on is said by the commands that people look at."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.embedded.homes import WITHIN, Home

GRID = "name: small\ntask: latch\ncell: rnn\nclipper: none\ntraining: {steps: 2}\nseeds: 3\n"

LONG = """
name: long
task: {name: latch, length: 50}
cell: rnn
clipper: none
training: {steps: 1000000, stop_when_solved: false}
seeds: 2
"""

ON_A_FULL_DISK = """
mount -t tmpfs -o size=64m none "$BPTT_HOME" || exit 9
python="$1"
"$python" -m bptt submit small.yaml >&2 || exit 8
cat /dev/zero > "$BPTT_HOME/ballast" 2>/dev/null
"$python" -m bptt status --json
echo
"$python" -m bptt status
timeout 20 "$python" -m bptt watch
exit 0
"""


WHILE_IT_TRAINS = """
mount -t tmpfs -o size=64m none "$BPTT_HOME" || exit 9
python="$1"
"$python" -m bptt up -d >&2 || exit 8
"$python" -m bptt submit long.yaml >&2 || exit 7
until "$python" -m bptt status | grep -q "1 running"; do :; done
cat /dev/zero > "$BPTT_HOME/ballast" 2>/dev/null
"$python" -m bptt status
"$python" -m bptt watch > watched &
until [ "$(wc -l < watched)" -ge 3 ]; do sleep 0.1; done
kill $!
cat watched
rm "$BPTT_HOME/ballast"
until "$python" -m bptt status | grep -q "1 running"; do :; done
"$python" -m bptt status
"$python" -m bptt down >&2
"""


def on_a_disk_of_its_own(home: Home, script: str) -> subprocess.CompletedProcess[str]:
    """Give commands where the home is on a small disk, which goes when they have ended."""
    home.folder.mkdir()
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", sys.executable]
    done = subprocess.run(
        command,
        cwd=home.folder.parent,
        env=home.environment,
        capture_output=True,
        text=True,
        timeout=2 * WITHIN,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.soak
def test_status_and_watch_say_that_the_disk_has_filled_up_under_a_worker(
    home: Home, folder: Path
) -> None:
    (folder / "long.yaml").write_text(LONG)
    home.environment["BPTT_CHECKPOINT_SECONDS"] = "1"

    said = on_a_disk_of_its_own(home, WHILE_IT_TRAINS).stdout

    told = f"the disk of {home.folder / 'runs'} is full, or your share of it: make room there"
    status, _, rest = said.partition("watching long")
    watched, _, freed = rest.partition("up        ")
    assert f"disk      {told}" in status
    assert "Nothing goes on until there is room on that disk" in status
    assert told in watched
    assert "is full" not in freed
    assert "1 of 1 slot busy" in freed


def test_status_and_watch_say_that_the_disk_is_full(home: Home, folder: Path) -> None:
    (folder / "small.yaml").write_text(GRID)

    done = on_a_disk_of_its_own(home, ON_A_FULL_DISK)

    told = f"the disk of {home.folder / 'runs'} is full, or your share of it: make room there"
    as_json, _, lines = done.stdout.partition("\n}\n")
    assert json.loads(as_json + "}")["disk"] == told
    status, _, watched = lines.partition("watching small")
    assert f"disk      {told}" in status
    assert "start one" not in status
    # where no worker has the database open, not even reading it has room
    full = f"The disk of the database {home.folder / 'bptt.db'} is full. Make room there"
    assert told in watched or full in done.stderr


def set_schema(home: Home, version: str) -> None:
    home.put_mlflow()
    with closing(sqlite3.connect(home.folder / "mlflow.db")) as opened, opened:
        opened.execute("UPDATE alembic_version SET version_num = ?", (version,))


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("451aebb31d03", "older MLflow"),
        pytest.param("ffffffffffff", "newer MLflow", marks=pytest.mark.soak),
    ],
)
def test_an_mlflow_database_of_another_version_is_told_by_ui_status_ship_and_doctor(
    home: Home, version: str, told: str
) -> None:
    assert home.bptt("database", "upgrade").returncode == 0
    set_schema(home, version)

    ui, ship = home.bptt("ui"), home.bptt("ship")
    status, doctor = home.bptt("status"), home.bptt("doctor")

    for refused in (ui, ship):
        assert refused.returncode == 2
        (line,) = refused.stderr.splitlines()
        assert told in line
    assert status.returncode == 0
    assert told in status.stdout
    assert doctor.returncode == 0
    (warned,) = [line for line in doctor.stdout.splitlines() if line.startswith("warn")]
    assert told in warned


def test_down_status_and_ui_say_how_many_runs_have_not_reached_mlflow_and_why(
    home: Home, folder: Path
) -> None:
    (folder / "small.yaml").write_text(GRID)
    home.put_mlflow()
    # nothing answers at this port
    home.environment["BPTT_MLFLOW_URL"] = "http://127.0.0.1:1"
    with home.up() as up:
        assert home.bptt("submit", str(folder / "small.yaml")).returncode == 0
        up.wait_ready()
        assert home.bptt("watch").returncode == 0
        status = home.bptt("status")
        down = home.bptt("down")

    why = "3 runs have not reached MLflow yet: MLflow at http://127.0.0.1:1 does not answer"
    assert why in down.stdout
    assert "3 runs have not reached MLflow yet: " in status.stdout
    del home.environment["BPTT_MLFLOW_URL"]
    assert home.bptt("ship").returncode == 0
    assert "not reached" not in home.bptt("down").stdout + home.bptt("status").stdout
