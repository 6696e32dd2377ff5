"""`bptt heartbeat`: what a health check is told."""

import os
import signal
from pathlib import Path

from tests.integration.embedded.homes import WITHIN, Home
from tests.servers import start_postgres, until


def test_a_worker_that_beats_is_well_one_that_is_frozen_or_dead_is_not(folder: Path) -> None:
    home = Home(folder / "home", BPTT_LEASE_SECONDS="6")
    with home.up() as up:
        up.wait_ready()
        worker = home.pid_of("bptt worker")
        beating = home.bptt("heartbeat")

        os.kill(worker, signal.SIGSTOP)
        try:
            silent = until(lambda: home.bptt("heartbeat").returncode == 1, WITHIN)
            told = home.bptt("heartbeat")
        finally:
            os.kill(worker, signal.SIGCONT)
        recovered = until(lambda: home.bptt("heartbeat").returncode == 0, WITHIN)

    assert (beating.returncode, beating.stderr) == (0, "")
    assert beating.stdout.startswith("The worker here was heard of ")
    assert silent
    assert (told.stdout, told.stderr.startswith("The worker here was heard of ")) == ("", True)
    assert recovered
    gone = home.bptt("heartbeat")
    assert (gone.returncode, gone.stderr) == (1, "No worker runs here.\n")


def test_it_says_that_the_database_is_away(folder: Path) -> None:
    with start_postgres(folder / "p") as server:
        home = Home(folder / "home", BPTT_DATABASE_URL=server.new_database())
        home.bptt("database", "upgrade")
        idle = home.bptt("heartbeat")
    away = home.bptt("heartbeat")

    assert (idle.returncode, idle.stderr) == (1, "No worker runs here.\n")
    assert away.returncode == 75
