"""`silence`: whether the worker of this machine is alive, for health checks."""

from contextlib import closing

from bptt import host, store
from bptt.settings import Settings
from bptt.store.clock import read_clock


def silence(settings: Settings) -> float | None:
    """Return how long ago a live worker of this machine last beat, in seconds.

    In a container that is the worker of this container.

    Returns:
        None if no worker that the database knows is alive here.

    Raises:
        DatabaseUnavailable: the database does not answer.
        SchemaMismatch: it lacks the tables that this program needs.
    """
    here = (host.hostname(), host.boot_id())
    with closing(store.open_database(settings.database)) as database:
        beats = [
            worker.beat_at
            for worker in store.live_owners(database)
            # its number may have gone to another process meanwhile
            if (worker.host, worker.boot_id) == here
            and host.started(worker.pid) == worker.pid_started
        ]
        if not beats:
            return None
        with database.read() as connection:
            now = read_clock(connection)
    # one in the future is at least as old as the clock was set back
    return min(abs(now - beat) for beat in beats)
