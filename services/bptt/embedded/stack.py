"""`serve`: what `bptt up` does from start to finish."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bptt import store
from bptt.embedded.application_process import ApplicationProcess
from bptt.embedded.home import LOGS, HomeLock, prepare_home
from bptt.embedded.program import Program
from bptt.embedded.server import server_program, start_server, start_server_and_wait
from bptt.errors import (
    BpttError,
    BrokerUnavailable,
    DatabaseUnavailable,
    InvalidSetting,
)
from bptt.host import started
from bptt.job_queue import check_broker
from bptt.settings import Settings, for_child
from bptt.temporary import sweep

Tell = Callable[[str], None]
"""Takes one line for people."""

LOOK_EVERY = 0.2
ASK_EVERY = 0.5
"""Seconds between two checks in the database whether the worker is ready."""
FAILURES_AT_MOST = 3
"""How often in a row the worker may end before it was ever ready."""
APPLICATION_WITHIN, SAVE_WITHIN, LEAVE_WITHIN, SERVER_WITHIN = 6.0, 15.0, 6.0, 5.0
"""Seconds for the application to end, then for runs to be saved, the worker and the server."""


def serve(settings: Settings, tell: Tell) -> None:
    """Keep a server (unless one is given) and a worker running until SIGTERM, SIGINT or SIGHUP.

    A second signal does not wait for the runs to be saved.

    Raises:
        HomeBusy: another `bptt up` holds the home, or a stranger its socket.
        SchemaMismatch: the database belongs to another version.
        Unavailable: the database or the given Redis does not answer, or rejects us.
        InvalidSetting: something is missing on this machine, or BPTT_SERVER is set.
        BpttError: the worker does not come up.
    """
    if settings.server:
        raise InvalidSetting(
            f"BPTT_SERVER is set ({settings.server}): grids are queued there, and a worker here "
            "would not see them. Unset it to work on this machine."
        )
    prepare_home(settings)
    with HomeLock(settings.home) as lock, _wish_to_end() as wish:
        database = store.open_database(settings.database)
        server = None if settings.redis_url else server_program(settings)
        worker, application = _worker(settings), ApplicationProcess(settings)
        try:
            _prepare(settings, database)
            if server is not None:
                start_server_and_wait(settings, server)
            if not (broker := check_broker(settings)).up:
                raise BrokerUnavailable(broker.detail)
            tell(broker.detail)
            _keep(settings, database, server, worker, application, lock, wish, tell)
        finally:
            application.request_end()
            _end(server, worker, wish, tell)
            application.end(APPLICATION_WITHIN)
            database.close()
            # a worker that was killed could not
            sweep(settings.home)


class Wish:
    """How often we have been asked to end."""

    times = 0


@contextmanager
def _wish_to_end() -> Iterator[Wish]:
    wish = Wish()

    def hear(number: int, frame: object) -> None:
        wish.times += 1

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    # nohup's choice to ignore SIGHUP is left alone
    heard = [n for n in numbers if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, hear) for number in heard}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _prepare(settings: Settings, database: store.Database) -> None:
    # a shared database is upgraded by its administrator: older workers may be running
    if settings.database_url:
        store.check(database)
    else:
        store.upgrade(database)


def _worker(settings: Settings) -> Program:
    command = [sys.executable, "-m", "bptt", "worker"]
    log = settings.home / LOGS / "worker.log"
    return Program("the worker", command, log, for_child(settings))


def _keep(
    settings: Settings,
    database: store.Database,
    server: Program | None,
    worker: Program,
    application: ApplicationProcess,
    lock: HomeLock,
    wish: Wish,
    tell: Tell,
) -> None:
    """Start the worker, and restart whatever ends, until we are asked to end."""
    ask_at = 0.0
    while not wish.times:
        if server is not None:
            _tend_server(settings, server, tell)
        if how := worker.ended():
            if worker.failures >= FAILURES_AT_MOST:
                raise BpttError(_hopeless(worker, how))
            tell(f"The worker has ended ({how}) and is restarted. Its log: {worker.log}")
        if worker.is_due():
            worker.start()
        if not worker.ready and time.monotonic() > ask_at:
            ask_at = time.monotonic() + ASK_EVERY
            if _is_known(database, worker):
                worker.ready = True
                lock.set_ready()
                tell(f"bptt is up in {settings.home}: runs start as soon as they are queued.")
        application.tend(LOOK_EVERY)


def _tend_server(settings: Settings, server: Program, tell: Tell) -> None:
    if how := server.ended():
        tell(f"The Redis server has ended ({how}) and is restarted. Its log: {server.log}")
    if server.is_due():
        try:
            start_server(settings, server)
        except BpttError as error:
            # slots find their work without it
            server.put_off()
            tell(str(error))


def _is_known(database: store.Database, worker: Program) -> bool:
    """Whether the worker has registered itself."""
    if worker.pid is None:
        return False
    born = started(worker.pid)
    with suppress(DatabaseUnavailable):
        owners = store.live_owners(database)
        return any(o.pid == worker.pid and o.pid_started == born for o in owners)
    return False


def _hopeless(worker: Program, how: str) -> str:
    said = worker.last_words() or "(nothing)"
    return (
        f"The worker ended {worker.failures} times before it could train ({how}). "
        f"It said last:\n{said}\nThe whole log: {worker.log}"
    )


def _end(server: Program | None, worker: Program, wish: Wish, tell: Tell) -> None:
    """End the worker, with its runs saved, and then the server."""
    if was_up := worker.pid is not None:
        tell("Stopping: runs are saved and go back to the queue. Ctrl-C again: without saving.")
        worker.request_end()
        before, give_up = wish.times, time.monotonic() + SAVE_WITHIN
        while not worker.wait(LOOK_EVERY) and wish.times == before and time.monotonic() < give_up:
            pass
        # the second request ends its runs at once; they continue from their last checkpoints
        worker.request_end()
        if not worker.wait(LEAVE_WITHIN):
            worker.kill()
    if server is not None:
        server.request_end()
        if not server.wait(SERVER_WITHIN):
            server.kill()
    if was_up:
        tell("bptt is down.")
