"""`ShippingProcess`: keeps the process that ships to MLflow alive."""

import logging
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Self

from bptt.backoff import Backoff
from bptt.settings import Settings, for_child

logger = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds until it is restarted; they double."""


class ShippingProcess:
    """A separate process, so that shipping neither slows down nor ends anything else.

    Its standard input is a pipe from us that carries nothing, but when we are gone the pipe closes,
    and the process ends.

    Args:
        settings: which home, and which MLflow.
        worker_id: whose runs it ships while they train.
    """

    def __init__(self, settings: Settings, worker_id: str) -> None:
        self._settings = settings
        self._worker_id = worker_id
        self._closed = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="bptt-shipping", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        self._thread.join(10)

    def _keep(self) -> None:
        backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                code = self._run()
            except OSError as error:
                logger.warning("shipping to MLflow cannot be started: %s", error)
            else:
                if not self._closed.is_set():
                    logger.warning("shipping to MLflow ended with %s, and starts again", code)
            self._closed.wait(backoff.end(time.monotonic() - began))

    def _run(self) -> int:
        with subprocess.Popen(
            [sys.executable, "-m", "bptt.shipping.process", self._worker_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=for_child(self._settings),
            # Ctrl-C is meant for the worker, which ends this
            start_new_session=True,
        ) as process:
            while process.poll() is None and not self._closed.wait(0.5):
                pass
            if process.poll() is None:
                # what it was sending is sent again by the next one
                process.terminate()
            return process.wait()
