"""One process that claims and finishes runs as fast as it can: `python -m ... url worker claims`.

It prints a line per claim, `run attempt`, and at the end how long the slowest claim took.
"""

import sys
import time

from bptt import store
from tests.integration.store.queueing import put_worker


def main(url: str, worker: str, claims: int) -> None:
    """Claim so many runs, and end each: most succeed, every tenth is given back once."""
    database = store.open_database(url)
    put_worker(database, worker)
    print("ready", flush=True)
    sys.stdin.readline()
    done, slowest = 0, 0.0
    while done < claims:
        begun = time.monotonic()
        claimed = store.claim(database, worker_id=worker, slot=0, lease_seconds=1000.0)
        slowest = max(slowest, time.monotonic() - begun)
        if claimed is None:
            # everybody's limit is reached, or another process gives its last run back
            time.sleep(0.01)
            continue
        print(claimed.run_id, claimed.attempt)
        if claimed.number % 10 == 0 and claimed.attempt == 1:
            store.give_back(database, claimed.run_id, 1, why="drain")
        else:
            store.finish(database, claimed.run_id, claimed.attempt, {"outcome": "finished"}, 1)
        done += 1
    database.close()
    print("slowest", slowest)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
