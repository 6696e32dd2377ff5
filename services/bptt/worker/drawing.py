"""Draws the pictures of many runs at once, while nothing else wants the processors."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from bptt import tracking
from bptt.run_folder import RunFolder
from bptt.worker.host import die_with_parent

logger = logging.getLogger(__name__)

WORTH_IT = 6
"""Runs from which on it is faster to start processes that draw."""


def draw_together(folders: Sequence[RunFolder]) -> None:
    """Draw for runs that have ended, on every processor; what fails is drawn when it is sent."""
    processes = os.cpu_count() or 1
    if processes < 2 or len(folders) < WORTH_IT:
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bptt.tracking.pictures", "bptt.figures"])
    try:
        with ProcessPoolExecutor(
            processes, context, initializer=die_with_parent, initargs=(signal.SIGKILL,)
        ) as pool:
            for future in [pool.submit(tracking.draw, folder) for folder in folders]:
                if error := future.exception():
                    logger.warning("a picture was not drawn: %s", error)
    # a process that was killed, for example because memory ran out
    except (OSError, RuntimeError) as error:
        logger.warning("pictures are not drawn together: %s", error)
