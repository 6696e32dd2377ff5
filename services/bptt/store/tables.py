"""The tables, their constraints and indexes; `migrations/` must lead to exactly this.

Times are seconds since the epoch by the database's clock. Invariants are constraints wherever they
can be: a terminal run has ended, a running one has an owner and a lease, at most one attempt of a
run is open, and a run ends once. Two triggers, found only in the migrations, reject changes to a
run that has ended and an attempt number that goes back.

A statement that should use a partial index must repeat its condition word for word, as text: with a
bound value (`status = ?`) neither database can know that the index has all the rows it needs.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from bptt.lifecycle import STATUSES, TERMINAL

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)

AnyRow = Row[*tuple[Any, ...]]
"""A row as a statement returns it."""
DOCUMENT = JSON(none_as_null=True)
SERIAL = BigInteger().with_variant(Integer, "sqlite")
"""SQLite auto-increments only what it calls INTEGER."""


def _among(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


MOST_QUEUED = 1_000_000
"""Queued runs that a user may have unless an admin says otherwise."""
ENDED = _among("status", TERMINAL)
QUEUED = "status = 'queued'"
RUNNING = "status = 'running'"
LIVE = "status IN ('held', 'queued', 'running')"
TERMINAL_EVENT = _among("kind", TERMINAL)


def _partial(name: str, *columns: Column[object], where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


users = Table(
    "users",
    metadata,
    Column("name", String, primary_key=True),
    Column("weight", Float, nullable=False, server_default=text("1")),
    Column("max_running", Integer),  # null: no limit
    Column("max_queued", Integer, nullable=False, server_default=text(str(MOST_QUEUED))),
    Column("usage", Float, nullable=False, server_default=text("0")),  # slot-seconds, decayed
    Column("usage_at", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("role", String, nullable=False, server_default=text("'user'")),
    Column("disabled_at", Float),  # nobody is admitted as this user, and none of their runs starts
    CheckConstraint("weight > 0", name="weight"),
    CheckConstraint("role IN ('user', 'admin')", name="role"),
)

# whoever presents a token is its user; the token itself is not stored
tokens = Table(
    "tokens",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("user_name", ForeignKey("users.name"), nullable=False, index=True),
    Column("label", String, nullable=False),
    Column("prefix", String, nullable=False, index=True),
    Column("hash", String, nullable=False, unique=True),  # SHA-256, hexadecimal
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("last_used_at", Float),
    Column("revoked_at", Float),
)

grids = Table(
    "grids",
    metadata,
    Column("id", String, primary_key=True),
    Column("seq", SERIAL, nullable=False, unique=True),
    Column("user_name", ForeignKey("users.name"), nullable=False),
    # keeps the same grid from being queued twice by mistake; null once the grid has ended
    Column("live_key", String),
    Column("name", String, nullable=False),
    Column("project", String, nullable=False),
    Column("source", Text, nullable=False),
    Column("filename", String, nullable=False),
    Column("overrides", DOCUMENT, nullable=False),
    # hash, size and name of each file that source or overrides name, by the path given there
    Column("files", DOCUMENT),
    # digests of the files of plugins that were not as released; null: of before that was recorded
    Column("code", DOCUMENT),
    Column("axes", DOCUMENT, nullable=False),
    Column("points", Integer, nullable=False),
    Column("reused", Integer, nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("urgency", Integer, nullable=False, server_default=text("1")),
    # while this run is queued or running, no other of the grid can be claimed
    Column("canary_run_id", String),
    Column("held_reason", Text),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
    UniqueConstraint("user_name", "live_key"),
    CheckConstraint("urgency BETWEEN 0 AND 2", name="urgency"),
)
Index("ix_grids_name", grids.c.name, grids.c.seq)
_partial("ix_grids_live", grids.c.user_name, where="ended_at IS NULL")

# who may name a content, because they have sent it; the bytes are in the home
contents = Table(
    "contents",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("user_name", ForeignKey("users.name"), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("sent_at", Float, nullable=False),
)
Index("ix_contents_user_name", contents.c.user_name)

# what the runs of a grid read, and the submitter's name for it
grid_contents = Table(
    "grid_contents",
    metadata,
    Column("grid_id", ForeignKey("grids.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", String, primary_key=True, index=True),
    Column("name", String, nullable=False),
)

# what points of a grid that differ only in their seed have in common
configurations = Table(
    "configurations",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("grid_id", ForeignKey("grids.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("spec", Text, nullable=False),  # canonical JSON with seed 0; the run's own replaces it
    Column("plugins", DOCUMENT, nullable=False),
    Column("data", String, nullable=False),
    Column("axis_values", DOCUMENT, nullable=False),  # without the seed
    Column("config", String, nullable=False),
    Column("cost_key", String, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("work", Float, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("seq", SERIAL, nullable=False, unique=True),
    # the grid it was made for; points of other grids may refer to it
    Column("grid_id", ForeignKey("grids.id"), nullable=False),
    Column("number", Integer, nullable=False),
    # null: its grid was deleted while another one refers to the run
    Column("configuration_id", ForeignKey("configurations.id"), nullable=False, index=True),
    Column("seed", BigInteger, nullable=False),
    Column("identity", String, nullable=False, index=True),
    Column("user_name", ForeignKey("users.name"), nullable=False),
    Column("name", String, nullable=False),
    Column("status", String, nullable=False),
    Column("stop_request", String, nullable=False, server_default=text("'none'")),
    Column("reason", Text),
    # a later run of the same point has taken its place
    Column("is_current", Boolean, nullable=False, server_default=true()),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("worker_id", ForeignKey("workers.id")),
    Column("slot", Integer),
    Column("lease_expires_at", Float),
    Column("losses", Integer, nullable=False, server_default=text("0")),
    Column("loss_step", Integer, nullable=False, server_default=text("0")),
    Column("step", Integer, nullable=False, server_default=text("0")),
    Column("checkpoint_step", Integer, nullable=False, server_default=text("0")),
    Column("step_seconds", Float),
    Column("outcome", String),  # of a run that succeeded
    Column("result", DOCUMENT),
    Column("failure", DOCUMENT),
    Column("retry_of", String),
    # pending from the first claim on; complete when all of a run that has ended is in MLflow
    Column("mlflow", String, nullable=False, server_default=text("'no'")),
    Column("mlflow_run_id", String),
    # why it cannot be sent to MLflow; null: no reason of its own
    Column("ship_trouble", String),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    CheckConstraint(_among("status", STATUSES), name="status"),
    CheckConstraint("stop_request IN ('none', 'cancel', 'hold')", name="stop_request"),
    CheckConstraint("mlflow IN ('no', 'pending', 'complete')", name="mlflow"),
    CheckConstraint("(status = 'running') = (lease_expires_at IS NOT NULL)", name="lease"),
    CheckConstraint("(status = 'running') = (worker_id IS NOT NULL)", name="owner"),
    CheckConstraint(f"({ENDED}) = (finished_at IS NOT NULL)", name="ended"),
    CheckConstraint("(status = 'succeeded') = (result IS NOT NULL)", name="result"),
    CheckConstraint("(status = 'failed') = (failure IS NOT NULL)", name="failure"),
    CheckConstraint("stop_request = 'none' OR status = 'running'", name="request"),
    # every renewal rewrites the row: leave room for it on the same page, without bloat
    postgresql_with={"fillfactor": 70, "autovacuum_vacuum_scale_factor": 0.02},
)
# stop_request is 'none' in all of these: only this index has the order by it and seq, so that
# PostgreSQL cannot walk along seq through all runs there ever were; the same goes for ix_runs_live
_partial("ix_runs_claim", runs.c.grid_id, runs.c.stop_request, runs.c.seq, where=QUEUED)
_partial("ix_runs_active", runs.c.user_name, runs.c.lease_expires_at, where=RUNNING)
_partial("ix_runs_owned", runs.c.worker_id, where=RUNNING)
_partial("ix_runs_live", runs.c.grid_id, runs.c.status, where=LIVE)
_partial("ix_runs_counts", runs.c.grid_id, runs.c.status, runs.c.outcome, where="is_current")
_partial("ix_runs_unshipped", runs.c.seq, where="mlflow = 'pending'")
_partial("ix_runs_unshippable", runs.c.grid_id, where="ship_trouble IS NOT NULL")
Index("ix_runs_grid", runs.c.grid_id, runs.c.number)

points = Table(
    "points",
    metadata,
    Column("grid_id", ForeignKey("grids.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("configuration_id", ForeignKey("configurations.id"), nullable=False, index=True),
    Column("seed", BigInteger, nullable=False),
    Column("identity", String, nullable=False),
    Column("name", String, nullable=False),
    # null: the run was deleted with the grid it belonged to
    Column("run_id", ForeignKey("runs.id", ondelete="SET NULL"), index=True),
    UniqueConstraint("grid_id", "identity"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("worker_id", String, nullable=False),
    Column("worker", String, nullable=False),  # host:pid, which outlives the worker's row
    Column("slot", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("outcome", String),
    Column("exit_code", Integer),
    Column("signal", Integer),
    Column("first_step", Integer, nullable=False),
    Column("last_step", Integer, nullable=False),
)
_partial("uq_attempts_open", attempts.c.run_id, where="ended_at IS NULL", unique=True)

events = Table(
    "events",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("grid_id", String, nullable=False, index=True),
    Column("run_id", String),  # null: of the grid as a whole
    Column("attempt", Integer),
    Column("kind", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("data", DOCUMENT, nullable=False),
)
_partial("uq_events_ended", events.c.run_id, where=TERMINAL_EVENT, unique=True)
_partial("ix_events_run", events.c.run_id, where="run_id IS NOT NULL")

workers = Table(
    "workers",
    metadata,
    Column("id", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("boot_id", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("pid_started", Float, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("version", String, nullable=False),
    Column("draining", Boolean, nullable=False, server_default=false()),
    Column("trouble", String, nullable=False, server_default=text("''")),
    Column("ship_trouble", String, nullable=False, server_default=text("''")),
    Column("registered_at", Float, nullable=False),
    Column("beat_at", Float, nullable=False),
    Column("removed_at", Float),
)
