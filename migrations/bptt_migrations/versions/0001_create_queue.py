"""Create the queue: users, grids and their points, runs, attempts, events and workers.

Revisions never change: nothing here follows later changes of `store/tables.py`.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

DOCUMENT = sa.JSON(none_as_null=True)
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = ("points", "attempts", "runs", "configurations", "grids", "workers", "users", "events")


def upgrade() -> None:
    """Create every table and index."""
    _create_events()
    _create_users()
    _create_workers()
    _create_grids()
    _create_configurations()
    _create_runs()
    _create_attempts()
    _create_points()


def downgrade() -> None:
    """Drop them all, with their contents."""
    for table in TABLES:
        op.drop_table(table)


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("grid_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.Column("attempt", sa.Integer()),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("data", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_grid_id", "events", ["grid_id"])
    op.create_index("ix_events_run", "events", ["run_id"], **_only("run_id IS NOT NULL"))
    op.create_index(
        "uq_events_ended",
        "events",
        ["run_id"],
        unique=True,
        **_only("kind IN ('succeeded', 'failed', 'cancelled')"),
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("weight", sa.Float(), server_default=sa.text("1"), nullable=False),
        sa.Column("max_running", sa.Integer()),
        sa.Column("max_queued", sa.Integer(), server_default=sa.text("1000000"), nullable=False),
        sa.Column("usage", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.Column("usage_at", sa.Float(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.CheckConstraint("weight > 0", name=op.f("ck_users_weight")),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )


def _create_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("boot_id", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("pid_started", sa.Float(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("draining", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("registered_at", sa.Float(), nullable=False),
        sa.Column("beat_at", sa.Float(), nullable=False),
        sa.Column("removed_at", sa.Float()),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )


def _create_grids() -> None:
    op.create_table(
        "grids",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("live_key", sa.String()),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("overrides", DOCUMENT, nullable=False),
        sa.Column("axes", DOCUMENT, nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("reused", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("urgency", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("canary_run_id", sa.String()),
        sa.Column("held_reason", sa.Text()),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float()),
        sa.CheckConstraint("urgency BETWEEN 0 AND 2", name=op.f("ck_grids_urgency")),
        sa.ForeignKeyConstraint(["user_name"], ["users.name"], name="fk_grids_user_name"),
        sa.PrimaryKeyConstraint("id", name="pk_grids"),
        sa.UniqueConstraint("seq", name="uq_grids_seq"),
        sa.UniqueConstraint("user_name", "live_key", name="uq_grids_user_name_live_key"),
    )
    op.create_index("ix_grids_live", "grids", ["user_name"], **_only("ended_at IS NULL"))
    op.create_index("ix_grids_name", "grids", ["name", "seq"])


def _create_configurations() -> None:
    op.create_table(
        "configurations",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("grid_id", sa.String(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("plugins", DOCUMENT, nullable=False),
        sa.Column("data", sa.String(), nullable=False),
        sa.Column("axis_values", DOCUMENT, nullable=False),
        sa.Column("config", sa.String(), nullable=False),
        sa.Column("pack_key", sa.String(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("work", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["grid_id"], ["grids.id"], name="fk_configurations_grid_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_configurations"),
    )
    op.create_index("ix_configurations_grid_id", "configurations", ["grid_id"])


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("grid_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("configuration_id", SERIAL, nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("stop_request", sa.String(), server_default=sa.text("'none'"), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("is_current", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("worker_id", sa.String()),
        sa.Column("slot", sa.Integer()),
        sa.Column("lease_expires_at", sa.Float()),
        sa.Column("losses", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("loss_step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("checkpoint_step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("step_seconds", sa.Float()),
        sa.Column("outcome", sa.String()),
        sa.Column("result", DOCUMENT),
        sa.Column("failure", DOCUMENT),
        sa.Column("retry_of", sa.String()),
        sa.Column("mlflow", sa.String(), server_default=sa.text("'no'"), nullable=False),
        sa.Column("mlflow_run_id", sa.String()),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float()),
        sa.Column("finished_at", sa.Float()),
        *_checks_of_runs(),
        sa.ForeignKeyConstraint(
            ["configuration_id"], ["configurations.id"], name="fk_runs_configuration_id"
        ),
        sa.ForeignKeyConstraint(["grid_id"], ["grids.id"], name="fk_runs_grid_id"),
        sa.ForeignKeyConstraint(["user_name"], ["users.name"], name="fk_runs_user_name"),
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"], name="fk_runs_worker_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("seq", name="uq_runs_seq"),
        postgresql_with={"fillfactor": 70, "autovacuum_vacuum_scale_factor": 0.02},
    )
    _index_runs()


def _checks_of_runs() -> list[sa.CheckConstraint]:
    conditions = {
        "failure": "(status = 'failed') = (failure IS NOT NULL)",
        "lease": "(status = 'running') = (lease_expires_at IS NOT NULL)",
        "owner": "(status = 'running') = (worker_id IS NOT NULL)",
        "result": "(status = 'succeeded') = (result IS NOT NULL)",
        "ended": "(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
        "mlflow": "mlflow IN ('no', 'pending', 'complete')",
        "status": "status IN ('held', 'queued', 'running', 'succeeded', 'failed', 'cancelled')",
        "request": "stop_request = 'none' OR status = 'running'",
        "stop_request": "stop_request IN ('none', 'cancel', 'hold')",
    }
    return [
        sa.CheckConstraint(condition, name=op.f(f"ck_runs_{name}"))
        for name, condition in conditions.items()
    ]


def _index_runs() -> None:
    op.create_index(
        "ix_runs_active", "runs", ["user_name", "lease_expires_at"], **_only("status = 'running'")
    )
    op.create_index(
        "ix_runs_claim", "runs", ["grid_id", "stop_request", "seq"], **_only("status = 'queued'")
    )
    op.create_index("ix_runs_configuration_id", "runs", ["configuration_id"])
    op.create_index(
        "ix_runs_counts", "runs", ["grid_id", "status", "outcome"], **_only("is_current")
    )
    op.create_index("ix_runs_grid", "runs", ["grid_id", "number"])
    op.create_index("ix_runs_identity", "runs", ["identity"])
    op.create_index(
        "ix_runs_live",
        "runs",
        ["grid_id", "status"],
        **_only("status IN ('held', 'queued', 'running')"),
    )
    op.create_index("ix_runs_owned", "runs", ["worker_id"], **_only("status = 'running'"))
    op.create_index("ix_runs_unshipped", "runs", ["seq"], **_only("mlflow = 'pending'"))


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float()),
        sa.Column("outcome", sa.String()),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("signal", sa.Integer()),
        sa.Column("first_step", sa.Integer(), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name="fk_attempts_run_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "attempt", name="pk_attempts"),
    )
    op.create_index(
        "uq_attempts_open", "attempts", ["run_id"], unique=True, **_only("ended_at IS NULL")
    )


def _create_points() -> None:
    op.create_table(
        "points",
        sa.Column("grid_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("configuration_id", SERIAL, nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.ForeignKeyConstraint(
            ["configuration_id"], ["configurations.id"], name="fk_points_configuration_id"
        ),
        sa.ForeignKeyConstraint(
            ["grid_id"], ["grids.id"], name="fk_points_grid_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name="fk_points_run_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("grid_id", "number", name="pk_points"),
        sa.UniqueConstraint("grid_id", "identity", name="uq_points_grid_id_identity"),
    )
    op.create_index("ix_points_configuration_id", "points", ["configuration_id"])
    op.create_index("ix_points_run_id", "points", ["run_id"])


def _only(condition: str) -> dict[str, Any]:
    where = sa.text(condition)
    return {"sqlite_where": where, "postgresql_where": where}
