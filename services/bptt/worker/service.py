"""`serve`: one worker process from start to end."""

import logging
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bptt import __version__, host, store
from bptt.backoff import Backoff
from bptt.errors import DatabaseUnavailable
from bptt.records.workers import WorkerProcess
from bptt.settings import Settings
from bptt.store import Database
from bptt.worker import process
from bptt.worker.consumer import Consumer
from bptt.worker.context import WorkerContext
from bptt.worker.disk_space import DiskSpace
from bptt.worker.lease import LeaseKeeper
from bptt.worker.preloaded import Preloaded
from bptt.worker.shipping_process import ShippingProcess
from bptt.worker.slot_loop import SlotLoop
from bptt.worker.slots import Slots
from bptt.worker.tick import Tick

logger = logging.getLogger(__name__)

DRAIN_AT_MOST = 60.0
"""Seconds until whatever is still training is killed."""
LAST_WORDS = 15.0
"""Seconds after that until the process ends in any case."""
TELL_WITHIN = 6.0
"""Seconds to report to the database that the worker ends; it must refuse us within five."""
LAST_TRIES = 2.0
"""Seconds in which a database that missed it may still be told how runs ended."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
"""Seconds between two tries to reach the database when the worker starts; they double."""


def serve(settings: Settings, *, with_parent: bool = False) -> int:
    """Train runs of the queue until SIGTERM or SIGINT; the second one ends it sooner.

    Args:
        settings: which queue, and how many slots.
        with_parent: end cleanly when the process that started this one has ended.

    Returns:
        The exit code, 0: everything that was started has been given back. If that is impossible,
        the process exits with 1 within seconds, and its leases expire.

    Raises:
        SchemaMismatch: the database belongs to another version.
        BpttError: this machine cannot train.
    """
    if with_parent:
        host.die_with_parent(signal.SIGTERM)
    draining, killing = threading.Event(), threading.Event()
    with _signals(draining, killing):
        database = store.open_database(settings.database)
        try:
            _insist(lambda: store.check(database), draining)
            if draining.is_set():
                return 0
            # before anything is imported for runs
            preloaded = Preloaded()
            process.prepare()
            context = _make_context(settings, database, preloaded, draining, killing)
            return 0 if draining.is_set() else _serve(context)
        finally:
            database.close()


def _make_context(
    settings: Settings,
    database: Database,
    preloaded: Preloaded,
    draining: threading.Event,
    killing: threading.Event,
) -> WorkerContext:
    worker_id = f"{host.hostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    wake = threading.Event()
    return WorkerContext(
        settings=settings,
        database=database,
        worker_id=worker_id,
        slots=Slots(settings.slots or os.cpu_count() or 1),
        keeper=LeaseKeeper(database, worker_id, settings.lease_seconds, wake),
        disk=DiskSpace(settings.runs),
        preloaded=preloaded,
        wake=wake,
        draining=draining,
        killing=killing,
    )


def _serve(context: WorkerContext) -> int:
    me = _describe(context)
    _insist(lambda: store.register_worker(context.database, me), context.draining)
    loop = SlotLoop(context)
    tick, consumer = Tick(context, me, loop), Consumer(context, loop)
    for thread in (context.keeper, tick, consumer):
        thread.start()
    with ShippingProcess(context.settings, context.worker_id):
        logger.info("worker %s is ready: %s slots", context.worker_id, context.slots.count)
        context.draining.wait()
        return _drain(context, tick, consumer)


def _drain(context: WorkerContext, tick: Tick, consumer: Consumer) -> int:
    logger.info("draining: %s slots are busy", context.slots.count - context.slots.idle)
    context.wake.set()
    # otherwise its last beat would deny that the worker is draining
    tick.join(TELL_WITHIN)
    heard = _tell(lambda: store.beat_worker(context.database, context.worker_id, draining=True))
    consumer.stop()
    if not _wait_idle(context, heard):
        context.killing.set()
    # with nobody to tell, runs continue from disk once the leases have expired
    clean = context.slots.wait_idle(LAST_WORDS if heard else LAST_TRIES)
    context.leaving.set()
    clean = clean or context.slots.wait_idle(1.0)
    consumer.join(5.0 if heard else 1.0)
    clean = (
        heard and _tell(lambda: store.remove_worker(context.database, context.worker_id)) and clean
    )
    logger.info("worker %s has ended", context.worker_id)
    if not clean:
        # a process that cannot be killed would hold us up
        logging.shutdown()
        os._exit(1)
    return 0


def _wait_idle(context: WorkerContext, heard: bool) -> bool:
    """Wait until no slot is busy, time is up, or somebody loses patience.

    If the database does not answer, this only waits until nothing is training any more.
    """
    for _ in range(int(DRAIN_AT_MOST / 0.5)):
        if context.killing.is_set() or context.slots.wait_idle(0.5):
            break
        if not heard and not context.keeper.trains():
            break
    return context.slots.idle == context.slots.count


def _describe(context: WorkerContext) -> WorkerProcess:
    pid = os.getpid()
    return WorkerProcess(
        worker_id=context.worker_id,
        host=host.hostname(),
        boot_id=host.boot_id(),
        pid=pid,
        pid_started=host.started(pid) or 0.0,
        slots=context.slots.count,
        version=__version__,
    )


def _insist(action: Callable[[], object], draining: threading.Event) -> None:
    """Do something as soon as the database answers, or not at all if the worker is ending."""
    backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
    while not draining.is_set():
        try:
            action()
            return
        except DatabaseUnavailable as error:
            logger.warning("waiting for the database: %s", error)
            draining.wait(backoff.fail())


def _tell(action: Callable[[], object]) -> bool:
    """Tell the database that the worker ends; return whether that succeeded in time.

    A host that is gone does not even refuse, so this happens in a thread that is not waited for.
    """
    heard: list[bool] = []

    def tell() -> None:
        try:
            action()
            heard.append(True)
        except DatabaseUnavailable as error:
            logger.warning("the database does not hear of the end: %s", error)

    thread = threading.Thread(target=tell, name="bptt-last-words", daemon=True)
    thread.start()
    thread.join(TELL_WITHIN)
    return bool(heard)


@contextmanager
def _signals(draining: threading.Event, killing: threading.Event) -> Iterator[None]:
    """Make the first SIGTERM or SIGINT drain, and the second one kill."""

    def handle(number: int, frame: object) -> None:
        (killing if draining.is_set() else draining).set()

    before = {n: signal.signal(n, handle) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
