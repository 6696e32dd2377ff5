"""Many processes on one database: no run is claimed twice, no limit is passed, nobody deadlocks."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bptt.store import Database
from bptt.store.tables import attempts
from tests.integration.store.queueing import limit, put_grid, rows_of

ROOT = Path(__file__).parents[3]
PROCESSES = 8
LIMIT = 3


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_eight_processes_never_claim_the_same_attempt(
    dialect: str, new_database: Callable[[str], Database]
) -> None:
    check_processes(new_database(dialect), 20)


@pytest.mark.soak
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_eight_processes_never_claim_the_same_attempt_for_minutes(
    dialect: str, new_database: Callable[[str], Database]
) -> None:
    check_processes(new_database(dialect), 2500)


def check_processes(database: Database, claims: int) -> None:
    """Let processes claim until each has had its share, and read the history afterwards."""
    # every tenth run is claimed twice, and some are left over
    for user in ("ada", "bob"):
        put_grid(database, f"grid-of-{user}", size=PROCESSES * claims // 2, user=user)
    limit(database, "bob", max_running=LIMIT)

    said = run_together(database, claims)

    claimed = [line for text in said for line in text.splitlines() if line[:4] == "grid"]
    assert len(claimed) == PROCESSES * claims
    assert len(set(claimed)) == len(claimed)
    opened = rows_of(database, attempts, attempts.c.started_at)
    assert Counter(f"{row.run_id} {row.attempt}" for row in opened) == Counter(claimed)
    of_bob = [row for row in opened if "bob" in row.run_id]
    assert of_bob
    assert most_at_once([(row.started_at, row.ended_at) for row in of_bob]) <= LIMIT


def run_together(database: Database, claims: int) -> list[str]:
    """Start the processes, let them begin at once, and return what each printed."""
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-W", "error", "-m", "tests.integration.store.claimers", url]
    processes = [
        subprocess.Popen(
            [*command, f"w{n}", str(claims)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        said = []
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            out, errors = process.communicate(timeout=600)
            assert (process.returncode, errors) == (0, "")
            said.append(out)
        return said
    finally:
        for process in processes:
            process.kill()
            process.wait()


def most_at_once(spans: list[tuple[float, float]]) -> int:
    """Return how many spans overlap at most; one that ends as another begins does not."""
    changes = sorted([(begun, 1) for begun, _ in spans] + [(ended, -1) for _, ended in spans])
    running = most = 0
    for _, change in changes:
        running += change
        most = max(most, running)
    return most
