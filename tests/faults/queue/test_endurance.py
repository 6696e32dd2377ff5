"""Hours under three users and a fault a minute: shares kept, nothing lost, nothing grows."""

import os
import random
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from tests.faults.queue import witness
from tests.faults.queue.checker import check
from tests.faults.queue.cluster import Cluster, write_grid
from tests.faults.queue.nemesis import Nemesis

HOURS = float(os.environ.get("SOAK_HOURS", "0.25"))
"""SOAK_HOURS=24 is the whole proof."""
SECONDS = 3600 * HOURS
WARM_UP = 0.2
"""Part of the time before anything is measured: caches fill, all slots come to work."""
WEIGHTS = {"ada": 1, "bob": 1, "eve": 8}
STEPS, PAUSE = 60, 0.05
RUNS = 1000 + int(12_000 * HOURS)
"""More than ten slots can train of runs of three seconds, so that nobody's grid ends early."""
FAULTS = {"kill run": 3, "freeze run": 1, "kill redis": 3, "kill database": 2, "flush redis": 1}
"""Workers are spared, because it is they that must not grow."""
SHARES = """
SELECT r.user_name, sum(a.ended_at - greatest(a.started_at, {since}))
FROM attempts a JOIN runs r ON r.id = a.run_id WHERE a.ended_at > {since} GROUP BY r.user_name
"""
DEAD = """
SELECT relname, n_dead_tup::float / greatest(n_live_tup + n_dead_tup, 1)
FROM pg_stat_user_tables WHERE n_live_tup + n_dead_tup > 1000
"""


@pytest.fixture
def busy():
    folder = Path(tempfile.mkdtemp(prefix="bptt"))
    cluster = Cluster(folder, "postgresql", workers=2, slots=5, pause=PAUSE, mlflow="home")
    try:
        for number, (user, weight) in enumerate(WEIGHTS.items()):
            cluster.environment["LOGNAME"] = user
            file = write_grid(folder / f"{user}.yaml", cluster.log, seeds=[0], steps=STEPS)
            # a rate of one's own, so that nobody's runs are another's
            text = file.read_text().replace("lr: 1e-3", f"lr: {number + 1}e-3")
            file.write_text(text.replace("seeds: [0]", f"seeds: {RUNS}"))
            cluster.run("submit", str(file))
            cluster.run("users", "set", user, "--weight", str(weight))
        yield cluster
    finally:
        cluster.stop()


def measure(cluster):
    """Return megabytes and open files of each worker."""
    found = {}
    for pid in cluster.alive():
        status = Path(f"/proc/{pid}/status").read_text()
        rss = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        found[pid] = (int(rss.split()[1]) / 1024, len(os.listdir(f"/proc/{pid}/fd")))
    return found


def most_dead(cluster):
    """Return the largest share of dead rows of any table."""
    with psycopg.connect(cluster.url.replace("+psycopg", "")) as connection:
        # what PostgreSQL counts begins at 0 after each crash
        connection.execute("ANALYZE")
    shares = cluster.query(DEAD)
    return max((share for _, share in shares), default=0.0)


@pytest.mark.soak
def test_users_get_their_shares_and_workers_do_not_grow(busy):
    seed = random.randrange(2**32)
    nemesis = Nemesis(busy, seed, FAULTS)
    began = time.monotonic()
    first, since = None, 0.0
    next_fault = began + 60
    while time.monotonic() < began + SECONDS:
        busy.keep()
        if first is None and time.monotonic() > began + WARM_UP * SECONDS:
            first, since = measure(busy), time.time()
        if time.monotonic() > next_fault:
            nemesis.strike()
            next_fault += 60
        time.sleep(0.5)
    last, used = measure(busy), dict(busy.query(SHARES.format(since=since)))
    nemesis.thaw()
    # vacuum comes once a minute, and later after a crash, but come it must
    busy.wait_until(lambda: most_dead(busy) < 0.2, "dead rows are swept", 180)

    for user in WEIGHTS:
        busy.environment["LOGNAME"] = user
        (grid,) = busy.query(f"SELECT id FROM grids WHERE user_name = '{user}'")[0]
        busy.run("cancel", grid, "--yes")
    busy.wait_until(lambda: busy.unfinished() == 0, "all runs end")
    states = dict(busy.query("SELECT id, status FROM runs"))
    cancelled = [run_id for run_id, status in states.items() if status == "cancelled"]
    verdict = check(dict.fromkeys(states, STEPS), witness.read(busy.log), busy.events(), cancelled)

    total = sum(used.values())
    shares = {user: used[user] / total for user in WEIGHTS}
    print(
        f"seed {seed}: {dict(nemesis.done)}; {len(states) - len(cancelled)} runs; shares {shares}"
    )
    print(f"MB and files of workers, from {first} to {last}; dead rows {most_dead(busy)}")
    assert verdict.wrong() == {}
    for user, weight in WEIGHTS.items():
        assert shares[user] == pytest.approx(weight / sum(WEIGHTS.values()), rel=0.1, abs=0.02)
    assert first.keys() == last.keys(), "a worker died by itself"
    for pid, (megabytes, files) in last.items():
        assert megabytes < first[pid][0] + 20
        assert files <= first[pid][1] + 2
