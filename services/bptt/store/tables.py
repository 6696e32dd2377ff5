"""The tables, their constraints and indexes; `migrations/` must lead to exactly this.

Times are seconds since the epoch by the database's clock. What must never happen is a constraint
where it can be one: a terminal run has ended, a running one has an owner and a lease, one attempt
of a run is open at most, and a run ends once.
"""

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

SERIAL = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up only what it calls INTEGER."""


def _among(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


ENDED = _among("status", TERMINAL)
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
    Column("max_queued", Integer, nullable=False, server_default=text("1000000")),
    Column("usage", Float, nullable=False, server_default=text("0")),  # slot-seconds, decayed
    Column("usage_at", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    CheckConstraint("weight > 0", name="weight"),
)

grids = Table(
    "grids",
    metadata,
    Column("id", String, primary_key=True),
    Column("seq", SERIAL, nullable=False, unique=True),
    Column("user_name", ForeignKey("users.name"), nullable=False),
    # what is in the queue once may not be queued again by a slip; null once the grid has ended
    Column("live_key", String),
    Column("name", String, nullable=False),
    Column("project", String, nullable=False),
    Column("source", Text, nullable=False),
    Column("filename", String, nullable=False),
    Column("overrides", JSON, nullable=False),
    Column("axes", JSON, nullable=False),
    Column("points", Integer, nullable=False),
    Column("reused", Integer, nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("urgency", Integer, nullable=False, server_default=text("1")),
    # while it is set, only this run of the grid can be claimed
    Column("canary_run_id", String),
    Column("held_reason", Text),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
    UniqueConstraint("user_name", "live_key"),
    CheckConstraint("urgency BETWEEN 0 AND 2", name="urgency"),
)
Index("ix_grids_name", grids.c.name, grids.c.seq)
_partial("ix_grids_live", grids.c.user_name, where="ended_at IS NULL")

# what the points of a grid share that differ in the seed alone
configurations = Table(
    "configurations",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("grid_id", ForeignKey("grids.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("spec", Text, nullable=False),  # canonical JSON with seed 0; the run's own replaces it
    Column("plugins", JSON, nullable=False),
    Column("data", String, nullable=False),
    Column("axis_values", JSON, nullable=False),  # without the seed
    Column("config", String, nullable=False),
    Column("pack_key", String, nullable=False),
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
    # none: its grid was deleted while another one refers to the run
    Column("configuration_id", ForeignKey("configurations.id"), nullable=False),
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
    Column("result", JSON),
    Column("failure", JSON),
    Column("retry_of", String),
    Column("mlflow", String, nullable=False, server_default=text("'no'")),
    Column("mlflow_run_id", String),
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
)
_partial("ix_runs_claim", runs.c.grid_id, runs.c.seq, where="status = 'queued'")
_partial("ix_runs_active", runs.c.user_name, runs.c.lease_expires_at, where="status = 'running'")
_partial("ix_runs_owned", runs.c.worker_id, where="status = 'running'")
_partial("ix_runs_live", runs.c.grid_id, where=LIVE)
_partial("ix_runs_counts", runs.c.grid_id, runs.c.status, runs.c.outcome, where="is_current")
_partial("ix_runs_unshipped", runs.c.seq, where="mlflow = 'pending'")
Index("ix_runs_grid", runs.c.grid_id, runs.c.number)

points = Table(
    "points",
    metadata,
    Column("grid_id", ForeignKey("grids.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("configuration_id", ForeignKey("configurations.id"), nullable=False),
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
    Column("data", JSON, nullable=False),
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
    Column("registered_at", Float, nullable=False),
    Column("beat_at", Float, nullable=False),
    Column("removed_at", Float),
)
