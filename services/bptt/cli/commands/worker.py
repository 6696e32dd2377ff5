"""`bptt worker`: trains runs of the queue on this machine."""

import logging
import sys

import click

from bptt.cli.options import slots_option
from bptt.imported import importing
from bptt.settings import read_settings
from bptt.temporary import own_folder

LINE = "%(asctime)s %(message)s"


@click.command()
@slots_option
@click.option("--with-parent", is_flag=True, help="End when the process that started it ends.")
def worker(slots: int | None, with_parent: bool) -> None:
    """Train runs of the queue until Ctrl-C or SIGTERM.

    It stops cleanly: runs are saved and go back to the queue, where the next worker continues
    them. A second Ctrl-C or SIGTERM kills them; they continue from their last checkpoints.
    """
    settings = read_settings(slots=slots)
    _log()
    with importing():
        from bptt.worker.service import serve

    with own_folder(settings.home):
        code = serve(settings, with_parent=with_parent)
    sys.exit(code)


def _log() -> None:
    """One line per event on stderr; we report what Celery does, in fewer words."""
    logging.basicConfig(format=LINE, datefmt="%H:%M:%S", level=logging.WARNING)
    logging.getLogger("bptt").setLevel(logging.INFO)
    for noisy in ("celery", "kombu", "amqp", "redis"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
