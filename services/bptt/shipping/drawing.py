"""Draws the pictures of many runs at once, while nothing else needs the processors."""

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager

from bptt import tracking
from bptt.host import die_with_forkserver
from bptt.run_folder import RunFolder

logger = logging.getLogger(__name__)

WORTH_IT = 6
"""Number of runs from which it is faster to start processes that draw."""


@contextmanager
def drawing(folders: Sequence[RunFolder]) -> Iterator[Callable[[str], None]]:
    """Draw for ended runs, on every processor, while the block is running.

    Args:
        folders: of the runs, in the order in which they are wanted.

    Yields:
        A function that waits for a run's pictures; failed ones are drawn when they are sent.
    """
    processes = os.cpu_count() or 1
    if processes < 2 or len(folders) < WORTH_IT:
        yield lambda run_id: None
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bptt.tracking.run.pictures", "bptt.figures"])
    pool = ProcessPoolExecutor(processes, context, initializer=die_with_forkserver)
    drawn: dict[str, Future[None]] = {}

    def wait(run_id: str) -> None:
        if run_id in drawn and (error := drawn[run_id].exception()):
            logger.warning("%s: its pictures were not drawn: %s", run_id, error)

    try:
        drawn |= {folder.run_id: pool.submit(tracking.draw, folder) for folder in folders}
    except (EOFError, OSError, RuntimeError) as error:
        # no process could be started, or it died
        logger.warning("pictures are not drawn together: %s", error)
    try:
        yield wait
    finally:
        pool.shutdown(cancel_futures=True)
