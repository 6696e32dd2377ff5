"""The state of this machine's queue, or a server's: what `bptt status` shows."""

import os
import socket
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bptt.client import connect
from bptt.embedded.home import LOGS, HomeHolder, holder
from bptt.errors import BpttError
from bptt.settings import Settings

if TYPE_CHECKING:
    from bptt.api.queue_answers import Queue
    from bptt.job_queue import BrokerState
    from bptt.records.workers import Worker


@dataclass(frozen=True)
class Standing:
    """What could be found out; a failure of one part hides no other."""

    home: str
    server: str
    """Address of the team server, of which only the queue is known; empty: this machine."""
    up: HomeHolder | None
    broker: "BrokerState | None"
    database: str
    queue: "Queue | None"
    fault: BpttError | None
    """Why the queue is not known."""
    disk: str = ""
    """Why the disk of the runs takes nothing; empty: it has room, or this is unknown."""
    hindrance: str = ""
    """Why nothing can be sent to MLflow from here; empty: no reason, or not checked."""
    last_words: str = ""
    """Log of a `bptt up` that ended, if no worker runs either; empty: one runs, or never did."""

    @property
    def hint(self) -> str:
        """What to do next, if anything."""
        if self.queue is None:
            return ""
        if self.disk:
            # workers cannot even report that they are alive
            return "Nothing goes on until there is room on that disk; nothing is lost."
        counts, workers = self.queue.counts, self.queue.workers
        waiting = counts.get("queued", 0)
        waits = "1 run waits" if waiting == 1 else f"{waiting:,} runs wait"
        if waiting and not workers and not self.last_words:
            here = "on the server's machine: bptt worker" if self.server else "with: bptt up -d"
            return f"{waits} and no worker runs; start one {here}"
        if self.last_words and (waiting or counts.get("running")):
            left = "No worker runs; what is left goes on where it stood"
            return f"{left} with: bptt up -d (what it said last: {self.last_words})"
        if workers and self.broker and not self.broker.up:
            return "Degraded: runs start up to 2 s late until Redis is back; nothing is lost."
        if waiting and not self.queue.claimable:
            return f"{waits} and none may begin now; see why with: bptt grids"
        if counts.get("held") and not waiting and not counts.get("running"):
            return f"{counts['held']:,} runs are held; let them begin with: bptt release GRID"
        if not any(counts.values()):
            return "Nothing is queued; queue a grid with: bptt submit FILE"
        return ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "home": self.home,
            "server": self.server or None,
            "up": asdict(self.up) if self.up else None,
            "broker": asdict(self.broker) if self.broker else None,
            "database": {"address": self.database, "fault": str(self.fault or "") or None},
            "queue": asdict(self.queue) if self.queue else None,
            "disk": self.disk or None,
            "mlflow": {"fault": self.hindrance or None},
            "log": self.last_words or None,
            "hint": self.hint or None,
        }


def find_standing(settings: Settings) -> Standing:
    """Find out everything possible from here; takes a few seconds at most if all is down."""
    queue, fault, around = None, None, None
    local = not settings.server
    with connect(settings) as client:
        try:
            queue = client.queue()
        except BpttError as error:
            fault = error
        if local:
            around = client.surroundings(mlflow=_asks_mlflow(settings, queue))
    up = holder(settings.home) if local else None
    log = settings.home / LOGS / "up.log"
    workers = queue.workers if queue else ()
    ended = local and up is None and log.exists() and all(map(_is_gone, workers))
    return Standing(
        home=str(settings.home),
        server=settings.server,
        up=up,
        last_words=str(log) if ended else "",
        broker=around.broker if around else None,
        database=around.database if around else "",
        queue=queue,
        fault=fault,
        # a full disk may be what keeps the database from answering
        disk=queue.disk if queue else _disk(settings) if local else "",
        hindrance=around.hindrance if around else "",
    )


def _disk(settings: Settings) -> str:
    from bptt.api.troubles import disk_trouble

    return disk_trouble(settings)


def _asks_mlflow(settings: Settings, queue: "Queue | None") -> bool:
    """Say whether to find out if MLflow is up; a server is asked only if no worker reports."""
    return not settings.mlflow_url or bool(queue and queue.arrears.pending and not queue.workers)


def _is_gone(worker: "Worker") -> bool:
    """Say whether a worker of this machine is gone, before its silence shows it."""
    if worker.host != socket.gethostname():
        return False
    try:
        os.kill(worker.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        # somebody else's
        pass
    return False
