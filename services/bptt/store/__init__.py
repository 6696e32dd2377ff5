"""Grids, runs, attempts and events in SQL: the truth about the queue.

Every function is one transaction of its own; `database` holds the only code that begins one.
"""

from bptt.store.choices import choices_of_points
from bptt.store.claiming import claim, claimable
from bptt.store.clock import database_time
from bptt.store.content import (
    bytes_sent,
    keep_content,
    read_contents,
    remove_unread,
    sent_contents,
)
from bptt.store.contents_of_points import whole_points
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
from bptt.store.deletion import begun_runs, delete_grid, deleted_runs
from bptt.store.ending import fail, finish, give_back, lose, refuse
from bptt.store.exclusion import exclusively
from bptt.store.extendable import changed_plugin
from bptt.store.extension import Only, extend_grid, grid_source
from bptt.store.finding import owner_of_grid, owner_of_run
from bptt.store.grid_listing import first_spec, get_grid, grid_axes, list_grids
from bptt.store.leasing import renew, stop_requests
from bptt.store.naming import Meaning, find
from bptt.store.other_programs import other_programs
from bptt.store.progress import grid_work, measured_runs
from bptt.store.queue_status import position, queue_status
from bptt.store.reaping import leases_of_the_future, reap, reap_unrenewed, reap_workers
from bptt.store.repeating import fill_grid, retry
from bptt.store.run_deletion import delete_run
from bptt.store.run_listing import attempts, events, every_point, get_run, list_runs
from bptt.store.schema import backup, check, upgrade
from bptt.store.shipping import (
    arrears,
    deleted_grids,
    mark_shipped,
    mark_unshippable,
    mark_unshipped,
    shipped,
    tell_shipping,
    training,
    unshipped,
)
from bptt.store.submission import foresee_submission, submit_grid
from bptt.store.tokens import (
    admit,
    any_token_holds,
    create_token,
    find_token,
    list_tokens,
    note_use,
    revoke_token,
)
from bptt.store.user_listing import get_user, list_users
from bptt.store.users import ensure_user, set_user
from bptt.store.workers import beat_worker, live_owners, register_worker, remove_worker

__all__ = [
    "Database",
    "Meaning",
    "Only",
    "admit",
    "any_token_holds",
    "arrears",
    "attempts",
    "backup",
    "beat_worker",
    "begun_runs",
    "bytes_sent",
    "cancel_grid",
    "cancel_run",
    "changed_plugin",
    "check",
    "choices_of_points",
    "claim",
    "claimable",
    "create_token",
    "database_time",
    "delete_grid",
    "delete_run",
    "deleted_grids",
    "deleted_runs",
    "ensure_user",
    "events",
    "every_point",
    "exclusively",
    "extend_grid",
    "fail",
    "fill_grid",
    "find",
    "find_token",
    "finish",
    "first_spec",
    "foresee_submission",
    "get_grid",
    "get_run",
    "get_user",
    "give_back",
    "grid_axes",
    "grid_source",
    "grid_work",
    "hold_grid",
    "hold_run",
    "keep_content",
    "leases_of_the_future",
    "list_grids",
    "list_runs",
    "list_tokens",
    "list_users",
    "live_owners",
    "lose",
    "mark_shipped",
    "mark_unshippable",
    "mark_unshipped",
    "measured_runs",
    "note_use",
    "open_database",
    "other_programs",
    "owner_of_grid",
    "owner_of_run",
    "position",
    "queue_status",
    "read_contents",
    "reap",
    "reap_unrenewed",
    "reap_workers",
    "refuse",
    "register_worker",
    "release_grid",
    "release_run",
    "remove_unread",
    "remove_worker",
    "renew",
    "retry",
    "revoke_token",
    "sent_contents",
    "set_priority",
    "set_user",
    "shipped",
    "stop_requests",
    "submit_grid",
    "tell_shipping",
    "training",
    "unshipped",
    "upgrade",
    "whole_points",
]
