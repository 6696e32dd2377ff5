"""`Tick`: what every worker does every two seconds, so that nothing waits for ever.

All workers may do all of it at once: the database decides, and a superfluous token costs only
one fruitless look.
"""

import logging
import random
import threading
import time

from bptt import host, job_queue, store
from bptt.errors import DatabaseUnavailable, SchemaMismatch
from bptt.records.workers import WorkerProcess
from bptt.worker.clock_watch import ClockWatch
from bptt.worker.context import WorkerContext
from bptt.worker.database_watch import LOOK_EVERY, DatabaseWatch
from bptt.worker.lease import RENEWALS
from bptt.worker.slot_loop import SlotLoop
from bptt.worker.unrenewed import Unrenewed

logger = logging.getLogger(__name__)

INTERVAL = 2.0
STALL = 3 * INTERVAL
"""Seconds between two ticks that mean that we were not running, and maybe nobody was."""
HUNGRY = 60.0
"""Seconds that a slot may be idle while there is work before it is woken without a token."""
CHECK_EVERY = 60.0
"""Seconds between two looks at the version of the database's schema."""


class Tick(threading.Thread):
    """Beats, reaps, and makes sure that idle slots hear about work.

    Args:
        context: the worker.
        me: the worker as registered.
        loop: wakes slots.
    """

    def __init__(self, context: WorkerContext, me: WorkerProcess, loop: SlotLoop) -> None:
        super().__init__(name="bptt-tick", daemon=True)
        self._context = context
        self._me = me
        self._loop = loop
        self._due = 0.0
        self._beat_due = 0.0
        self._check_due = time.monotonic() + CHECK_EVERY
        self._reap_from = 0.0
        self._clock = ClockWatch(context.lease / RENEWALS)
        self._unrenewed = Unrenewed(context.lease, STALL)
        self._hungry_since: float | None = None
        self._strays: set[tuple[str, int]] = set()
        self._trouble = self._told = ""
        self._broker_up = True
        self._database_watch = DatabaseWatch(context.database)

    def run(self) -> None:
        """Run until the worker drains."""
        woken = False
        while not self._context.draining.is_set():
            try:
                if woken:
                    self._wake_slots()
                else:
                    self.once()
                if self._trouble:
                    logger.warning("the database is back")
                self._trouble = ""
            except DatabaseUnavailable as error:
                if not self._trouble:
                    logger.warning("the database is away: %s", error)
                self._trouble = str(error)
            # the next tick may do better; without it nothing lost would ever be found
            except Exception:
                logger.exception("a tick failed")
            woken = self._sleep()

    def once(self) -> None:
        """Do everything that is due."""
        self._due = time.monotonic() + INTERVAL
        self._check_schema()
        self._check_preloaded()
        self._beat()
        self._reap()
        self._return_strays()
        self._wake_slots()

    def _sleep(self) -> bool:
        """Wait for the next tick; return whether somebody asked for an early one."""
        before, slept = time.monotonic(), host.asleep()
        # workers started together need not ask at the same time
        woken = self._wait(INTERVAL * random.uniform(0.8, 1.2))
        self._context.wake.clear()
        lost = time.monotonic() - before + host.asleep() - slept
        if lost > STALL:
            # others may have been as silent as we were, and want to renew first
            self._reap_from = time.monotonic() + self._context.lease
            self._context.keeper.hurry()
            logger.warning("nothing went on here for %.0f s", lost)
        # a stream of calls must not starve the rest
        return woken and time.monotonic() < self._due

    def _wait(self, seconds: float) -> bool:
        """Wait until the time is up; return early with True when there may be news."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            looks = bool(self._database_watch) and self._context.slots.idle > 0
            if self._context.wake.wait(min(left, LOOK_EVERY) if looks else left):
                return True
            if looks and self._database_watch.since_last_look():
                return True
        return False

    def _check_schema(self) -> None:
        """End the worker cleanly if somebody has upgraded the database meanwhile."""
        if time.monotonic() < self._check_due:
            return
        try:
            store.check(self._context.database)
        except SchemaMismatch as mismatch:
            logger.error("%s", mismatch)
            self._context.draining.set()
        self._check_due = time.monotonic() + CHECK_EVERY

    def _check_preloaded(self) -> None:
        """End the worker cleanly if somebody has upgraded what it has imported."""
        if self._context.preloaded.has_settled():
            names = ", ".join(self._context.preloaded.changed())
            logger.error(
                "%s: installed anew while this worker is up; it ends, and the next one (of `bptt "
                "up`, or of a container) begins with what is installed now",
                names,
            )
            self._context.draining.set()

    def _beat(self) -> None:
        if self._context.disk.trouble:
            self._context.disk.look()
        # somebody may be checking why nothing starts
        news = self._context.disk.trouble != self._told
        if time.monotonic() < self._beat_due and not news:
            return
        trouble = self._context.disk.trouble
        store.beat_worker(self._context.database, self._context.worker_id, trouble=trouble)
        self._told = trouble
        self._beat_due = time.monotonic() + self._context.lease / RENEWALS

    def _reap(self) -> None:
        database = self._context.database
        # the fast path first: for dead workers there is no need to wait for the lease
        dead = [w.worker_id for w in store.live_owners(database) if self._has_died(w)]
        ended = store.reap_workers(database, dead) if dead else []
        if jump := self._clock.look(lambda: store.database_time(database)):
            # leases are unreliable until their owners have renewed them
            self._reap_from = time.monotonic() + self._context.lease
            self._context.keeper.hurry()
            logger.warning("the clock of the database was set by %+.0f s", jump)
        silent = self._unrenewed.look(store.leases_of_the_future(database))
        if self._context.keeper.is_behind():
            # otherwise we would take our own runs
            self._context.keeper.hurry()
        elif time.monotonic() >= self._reap_from:
            lease, latest = self._context.lease, self._clock.latest
            ended += store.reap(database, lease_seconds=lease, not_after=latest)
            ended += store.reap_unrenewed(database, silent, lease_seconds=lease)
        for one in ended:
            logger.warning(
                "%s: attempt %s was left alone by its worker: %s",
                one.run_id,
                one.attempt,
                one.status,
            )

    def _has_died(self, worker: WorkerProcess) -> bool:
        """Say whether a worker of this machine has certainly ended."""
        return (
            worker.worker_id != self._me.worker_id
            and (worker.host, worker.boot_id) == (self._me.host, self._me.boot_id)
            and host.started(worker.pid) != worker.pid_started
        )

    def _return_strays(self) -> None:
        """Give back runs that are ours unknowingly, because the answer to a claim was lost."""
        database, worker_id = self._context.database, self._context.worker_id
        found = {
            (run.run_id, run.attempt)
            for run in store.stop_requests(database, worker_id)
            if not self._context.keeper.keeps(run.run_id)
        }
        # only if seen twice in a row: a claim may be on its way to its supervisor
        for run_id, attempt in found & self._strays:
            logger.warning("%s: attempt %s was claimed unheard", run_id, attempt)
            why = "its claim was not heard of"
            store.give_back(database, run_id, attempt, why=why)
        self._strays = found

    def _wake_slots(self) -> None:
        # before the look, so that nothing written during it is missed
        self._database_watch.since_last_look()
        idle = self._context.slots.idle
        wanted = min(idle, store.claimable(self._context.database)) if idle else 0
        if not wanted:
            self._hungry_since = None
            return
        now = time.monotonic()
        self._hungry_since = self._hungry_since or now
        waiting = job_queue.waiting_tokens(self._context.settings)
        missing = wanted - (waiting or 0)
        sent = job_queue.send_tokens(self._context.settings, missing) if waiting is not None else 0
        up = waiting is not None and sent >= missing
        if up != self._broker_up:
            logger.warning("Redis is back" if up else "Redis is away: slots look by themselves")
            self._broker_up = up
        if not up:
            self._loop.start(wanted)
        elif now - max(self._hungry_since, self._loop.token_at) > HUNGRY:
            logger.warning("no token came for %.0f s: slots look by themselves", HUNGRY)
            self._loop.start(wanted)
            self._hungry_since = now
