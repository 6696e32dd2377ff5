"""`Lifeline`: the thread by which a run's process hears from its worker, or ends."""

import multiprocessing
import os
import threading
import time
from multiprocessing.connection import Connection, wait

from bptt.execution.assignment import EXPIRED, News, Order


class Lifeline:
    """Ends the process when the worker is gone, or silent beyond its last deadline.

    A run whose worker is silent for long goes to another worker. Then its process must not train,
    whatever state the worker is in.

    Args:
        connection: to the worker.
        deadline: the first one, on the monotonic clock.
    """

    def __init__(self, connection: Connection, deadline: float) -> None:
        self.stop = threading.Event()
        """Set when the worker asks the run to stop."""
        self._connection = connection
        self._deadline = deadline
        self._sending = threading.Lock()
        parent = multiprocessing.parent_process()
        if parent is None:
            raise RuntimeError("a lifeline needs a parent process")
        self._parent = parent.sentinel
        threading.Thread(target=self._listen, name="bptt-lifeline", daemon=True).start()

    def send(self, news: News) -> None:
        """Tell the worker; the caller need not care if the worker is gone."""
        try:
            with self._sending:
                self._connection.send(tuple(news))
        except OSError:
            return

    def _listen(self) -> None:
        try:
            while True:
                seconds = max(self._deadline - time.monotonic(), 0)
                ready = wait([self._connection, self._parent], min(seconds, 60))
                # orders first: a process that was frozen finds its new deadline there
                while self._connection.poll():
                    self._heed(Order(*self._connection.recv()))
                if self._parent in ready:
                    os._exit(EXPIRED)
                if time.monotonic() >= self._deadline:
                    print("the worker has been silent for too long: stopped", flush=True)
                    os._exit(EXPIRED)
        except (EOFError, OSError):
            os._exit(EXPIRED)

    def _heed(self, order: Order) -> None:
        if order.kind == "deadline":
            self._deadline = order.value
        else:
            self.stop.set()
