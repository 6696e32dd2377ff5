"""Add the reason why a run, or anything from a worker, is not sent to MLflow."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

DAMAGED = sa.text("ship_trouble IS NOT NULL")


def upgrade() -> None:
    """Add the columns, and an index of the few affected runs."""
    op.add_column("runs", sa.Column("ship_trouble", sa.String))
    op.add_column(
        "workers", sa.Column("ship_trouble", sa.String, nullable=False, server_default="")
    )
    op.create_index(
        "ix_runs_unshippable",
        "runs",
        ["grid_id"],
        postgresql_where=DAMAGED,
        sqlite_where=DAMAGED,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_runs_unshippable", "runs")
    op.drop_column("workers", "ship_trouble")
    op.drop_column("runs", "ship_trouble")
