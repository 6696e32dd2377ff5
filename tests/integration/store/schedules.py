"""Every order in which two transactions can run, stopped between their statements.

Each transaction has a thread and a connection of its own and stops before each statement that
reads or writes what the other one may touch, and before it commits. A schedule says who goes on at
each stop; all schedules are tried, by following one to its end and then changing the last choice
that can be changed. Who waits for a lock of the other is seen in `pg_blocking_pids`.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, event, text

from bptt.store import Database, open_database

STOPS = re.compile(
    r"\s*(SELECT pg_advisory|WITH busy|UPDATE runs|SELECT (grids|runs)\..* FOR NO KEY)", re.S
)
"""What is done between two of these either reads nothing another may change, or holds its lock."""
PATIENCE = 120.0
# what waits here on purpose must not be given up by the server
OPTIONS = "-c lock_timeout=0 -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"

Action = Callable[[Database], Any]


class Transaction:
    """One of the two: a thread that goes from stop to stop when it is told to."""

    def __init__(self, database: Database, action: Action) -> None:
        self.database = database
        self.result: Any = None
        self.done = False
        self.waits = False
        self.pid = 0
        self._action = action
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run)
        event.listen(database.writer, "before_cursor_execute", self._before)
        event.listen(database.writer, "commit", self._before_commit)
        self._thread.start()

    def go(self) -> None:
        """Let it run to its next stop; it does not wait for that."""
        with self._changed:
            self.waits = False
            self._changed.notify_all()

    def stands(self) -> bool:
        """Say whether it has come to a stop or its end."""
        return self.waits or self.done

    def close(self) -> None:
        """Wait for its end."""
        self._thread.join(timeout=PATIENCE)
        event.remove(self.database.writer, "before_cursor_execute", self._before)
        event.remove(self.database.writer, "commit", self._before_commit)

    def _run(self) -> None:
        try:
            self.result = self._action(self.database)
        except Exception as error:
            self.result = error
        self.done = True

    def _before(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        self.pid = connection.connection.dbapi_connection.info.backend_pid
        if STOPS.match(statement):
            self._stop()

    def _before_commit(self, connection: Any) -> None:
        self._stop()

    def _stop(self) -> None:
        with self._changed:
            self.waits = True
            self._changed.wait_for(lambda: not self.waits, timeout=PATIENCE)


def explore(
    database: Database, prepare: Callable[[], Sequence[Action]]
) -> Iterator[tuple[list[int], list[Any]]]:
    """Yield every schedule of the transactions that `prepare` gives, and what each returned."""
    url = database.url.set(query={**database.url.query, "options": OPTIONS})
    databases = [open_database(url.render_as_string(hide_password=False)) for _ in range(2)]
    schedule: list[int] = []
    with contextlib.ExitStack() as stack:
        for one in databases:
            stack.callback(one.close)
        watcher = stack.enter_context(database.writer.connect())
        watcher.execution_options(isolation_level="AUTOCOMMIT")
        while True:
            actions = zip(databases, prepare(), strict=True)
            pair = [Transaction(one, action) for one, action in actions]
            options = _follow(watcher, pair, schedule)
            for transaction in pair:
                transaction.close()
            yield schedule, [transaction.result for transaction in pair]
            while schedule and schedule[-1] == max(options[len(schedule) - 1]):
                schedule.pop()
            if not schedule:
                return
            last = len(schedule) - 1
            schedule[last] = min(n for n in options[last] if n > schedule[last])


def _follow(
    watcher: Connection, pair: Sequence[Transaction], schedule: list[int]
) -> list[list[int]]:
    """Run the pair along a schedule, lengthen it to the end; return the choices there were."""
    options: list[list[int]] = []
    while True:
        _settle(watcher, pair)
        ready = [n for n, one in enumerate(pair) if not one.done and one.waits]
        if all(one.done for one in pair):
            return options
        assert ready, f"both wait for each other after {schedule}"
        if len(options) == len(schedule):
            schedule.append(min(ready))
        options.append(ready)
        pair[schedule[len(options) - 1]].go()


def _settle(watcher: Connection, pair: Sequence[Transaction]) -> None:
    """Wait until each has come to a stop, to its end, or to a lock that the other one holds."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        moving = [one for one in pair if not one.stands()]
        # one that was let go between the two looks is not blocked any more
        blocked = all(_is_blocked(watcher, one) for one in moving)
        if blocked and not any(one.stands() for one in moving):
            return
        time.sleep(0.0002)
    raise AssertionError("a transaction neither goes on nor waits for the other")


def _is_blocked(watcher: Connection, transaction: Transaction) -> bool:
    blocking = text("SELECT cardinality(pg_blocking_pids(:pid)) > 0")
    return bool(watcher.execute(blocking, {"pid": transaction.pid}).scalar())
