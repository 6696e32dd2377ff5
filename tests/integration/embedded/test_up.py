"""`bptt up` and `bptt down` from beginning to end, with real servers and a real worker."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

from tests.integration.embedded.homes import WITHIN, Home
from tests.servers import is_alive, until


def test_up_in_the_background_lasts_until_down(home: Home) -> None:
    home.put_mlflow()
    up = home.bptt("up", "-d")
    commands = home.processes().values()
    down = home.bptt("down")

    assert up.returncode == 0, up.stderr
    assert f"bptt is up in {home.folder}" in up.stdout
    assert any("Redis" in command for command in commands)
    assert any("bptt worker" in command for command in commands)
    assert down.returncode == 0, down.stderr
    assert down.stdout == f"bptt is down in {home.folder}.\n"
    assert until(lambda: not home.processes(), WITHIN)


def test_ups_at_the_same_moment_are_one_and_the_others_say_that_it_is_up(home: Home) -> None:
    with ThreadPoolExecutor(3) as together:
        done = list(together.map(lambda _: home.bptt("up", "-d"), range(3)))

    assert [one.returncode for one in done] == [0, 0, 0], [one.stderr for one in done]
    assert sorted("is up already" in one.stdout for one in done) == [False, True, True]
    assert len({one.stdout.partition("(process ")[2].partition(")")[0] for one in done}) == 1


def test_down_where_nothing_is_up_says_so(home: Home) -> None:
    first, second = home.bptt("down"), home.bptt("down")

    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == second.stdout == f"Nothing is up in {home.folder}.\n"
    assert not home.folder.exists()


def test_up_has_its_home_to_itself_and_killed_leaves_no_process(home: Home) -> None:
    with home.up() as up:
        up.wait_ready()
        modes = {path.name: path.stat().st_mode & 0o077 for path in home.folder.iterdir()}
        assert "redis.sock" in modes
        assert not any(modes.values()), modes
        assert home.folder.stat().st_mode & 0o777 == 0o700
        assert len(home.processes()) > 4

        foreground, background = home.bptt("up"), home.bptt("up", "-d")

        already = f"bptt is up already in {home.folder} (process {up.pid})"
        assert (foreground.returncode, len(foreground.stderr.splitlines())) == (2, 1)
        assert already in foreground.stderr
        # there is nothing that a second one in the background would have to do
        assert (background.returncode, background.stdout) == (
            0,
            f"{already}. Stop it with: bptt down\n",
        )
        slots = home.bptt("up", "-d", "--slots", "3")
        assert (slots.returncode, already in slots.stderr) == (2, True)

        os.kill(up.pid, signal.SIGKILL)

        assert until(lambda: not home.processes(), WITHIN), home.processes()


def test_up_after_a_killed_up_is_up_and_what_dies_is_started_again(home: Home) -> None:
    with home.up() as first:
        first.wait_ready()
        # it cannot end by itself: the next one has to see to it
        left_over = home.server_pid()
        assert left_over
        os.kill(left_over, signal.SIGSTOP)
        first.end(signal.SIGKILL)

        with home.up() as up:
            up.wait_ready()
            assert not is_alive(left_over)
            server, worker = home.server_pid(), home.pid_of("bptt worker")
            assert server

            os.kill(server, signal.SIGKILL)
            os.kill(worker, signal.SIGKILL)

            up.wait_said("The Redis server has ended (signal 9)")
            up.wait_said("The worker has ended (signal 9)")
            assert until(lambda: up.said().count("runs start") == 2, WITHIN), up.said()
            assert home.server_pid() not in (None, server)
            assert home.pid_of("bptt worker") != worker
            assert up.end(signal.SIGINT) == 0
    assert until(lambda: not home.processes(), WITHIN)
