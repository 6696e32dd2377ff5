"""Grids, runs, attempts and events in SQL: the truth about the queue.

Every function is one transaction of its own; `database` holds the only code that begins one.
"""

from bptt.store.claiming import claim, claimable
from bptt.store.control import (
    cancel_grid,
    cancel_run,
    hold_grid,
    hold_run,
    release_grid,
    release_run,
    set_priority,
)
from bptt.store.database import Database, open_database
from bptt.store.deletion import delete_grid
from bptt.store.ending import fail, finish, give_back, lose
from bptt.store.exclusion import exclusively
from bptt.store.extension import extend_grid, grid_source
from bptt.store.finding import find_grid, find_run
from bptt.store.grid_listing import get_grid, grid_axes, list_grids
from bptt.store.leasing import renew, stop_requests
from bptt.store.progress import grid_work
from bptt.store.queue_status import position, queue_status
from bptt.store.reaping import reap, reap_workers
from bptt.store.repeating import fill_grid, retry
from bptt.store.run_listing import attempts, events, get_run, list_runs
from bptt.store.schema import backup, check, downgrade, upgrade
from bptt.store.shipping import deleted_grids, mark_shipped, unshipped
from bptt.store.submission import submit_grid
from bptt.store.users import ensure_user
from bptt.store.workers import beat_worker, live_owners, register_worker, remove_worker

__all__ = [
    "Database",
    "attempts",
    "backup",
    "beat_worker",
    "cancel_grid",
    "cancel_run",
    "check",
    "claim",
    "claimable",
    "delete_grid",
    "deleted_grids",
    "downgrade",
    "ensure_user",
    "events",
    "exclusively",
    "extend_grid",
    "fail",
    "fill_grid",
    "find_grid",
    "find_run",
    "finish",
    "get_grid",
    "get_run",
    "give_back",
    "grid_axes",
    "grid_source",
    "grid_work",
    "hold_grid",
    "hold_run",
    "list_grids",
    "list_runs",
    "live_owners",
    "lose",
    "mark_shipped",
    "open_database",
    "position",
    "queue_status",
    "reap",
    "reap_workers",
    "register_worker",
    "release_grid",
    "release_run",
    "remove_worker",
    "renew",
    "retry",
    "set_priority",
    "stop_requests",
    "submit_grid",
    "unshipped",
    "upgrade",
]
