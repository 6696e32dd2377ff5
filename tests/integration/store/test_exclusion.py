"""One process at a time is at a grid, whatever becomes of it."""

import multiprocessing

from bptt import store
from bptt.store import Database


def hold(url, ready, leave):
    database = store.open_database(url)
    with store.exclusively(database, "abcde") as alone:
        assert alone
        ready.set()
        leave.wait()


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def test_second_process_is_kept_out_until_the_first_one_is_killed(database: Database) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready, leave = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold, args=(url_of(database), ready, leave))
    other.start()
    assert ready.wait(300)

    with store.exclusively(database, "abcde") as meanwhile:
        pass
    other.kill()
    other.join()
    # PostgreSQL notices a moment later that nobody is there any more
    for _ in range(1000):
        with store.exclusively(database, "abcde") as afterwards:
            pass
        if afterwards:
            break

    assert (meanwhile, afterwards) == (False, True)


def test_it_is_free_again_for_the_same_process(database: Database) -> None:
    for _ in range(2):
        with store.exclusively(database, "abcde") as alone:
            assert alone
