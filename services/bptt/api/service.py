"""What all routes share: the settings, the database, and the way to wake workers."""

from collections import Counter
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request

from bptt import store
from bptt.errors import SchemaMismatch
from bptt.library import Library
from bptt.settings import Settings


class Service:
    """Opens the database when it is first needed, so that a server can start without it."""

    def __init__(self, settings: Settings, is_near: bool = False) -> None:
        self.settings = settings
        self.is_near = is_near
        """Whether whoever asks may do on this machine what it does: their paths are its paths."""
        self._lock = Lock()
        self._database: store.Database | None = None
        self.library = Library(settings.data)
        self.arriving: Counter[str] = Counter()
        """Bytes that are being received, by sender."""

    @property
    def largest_file(self) -> int:
        """Bytes that the content of a file may have."""
        return self.settings.data_file_mb * 2**20

    @property
    def quota(self) -> int:
        """Bytes that all contents of a user may have; 0: any number."""
        return self.settings.data_quota_mb * 2**20

    @property
    def database(self) -> store.Database:
        """The database, of this program's version.

        Raises:
            DatabaseUnavailable: it does not answer.
            SchemaMismatch: it is of another version, and not the file in this home.
        """
        with self._lock:
            if self._database is None:
                self._database = self._open()
            return self._database

    def _open(self) -> store.Database:
        database = store.open_database(self.settings.database)
        try:
            try:
                store.check(database)
            except SchemaMismatch:
                # nobody else upgrades the home's own file; a shared database has an administrator
                if self.settings.database_url:
                    raise
                store.upgrade(database)
                store.check(database)
        except BaseException:
            database.close()
            raise
        return database

    def wake(self) -> None:
        """Tell idle slots that there is work; without Redis they soon see it for themselves."""
        queue = store.queue_status(self.database)
        free = sum(w.slots - w.busy for w in queue.workers if w.takes_runs)
        if (tokens := min(free, queue.claimable)) < 1:
            return
        # Celery is not imported where nobody is listening
        from bptt.job_queue import send_tokens

        send_tokens(self.settings, tokens)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None


async def _service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Shared = Annotated[Service, Depends(_service_of)]
