"""The application of a home, kept as `bptt up` keeps it, without the rest of what is up then."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from bptt import store
from bptt.embedded.application_process import ApplicationProcess
from bptt.embedded.home import LOGS
from bptt.settings import Settings


@contextmanager
def application_of(settings: Settings) -> Iterator[ApplicationProcess]:
    """Keep the application of a home until the block ends."""
    (settings.home / LOGS).mkdir(parents=True, exist_ok=True)
    with closing(store.open_database(settings.database)) as database:
        store.upgrade(database)
    application, over = ApplicationProcess(settings), threading.Event()

    def tend() -> None:
        while not over.is_set():
            application.tend(0.02)

    thread = threading.Thread(target=tend)
    thread.start()
    try:
        yield application
    finally:
        over.set()
        thread.join()
        application.request_end()
        application.end(30.0)
