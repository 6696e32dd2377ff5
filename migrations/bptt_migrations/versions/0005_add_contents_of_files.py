"""Add the contents of files that grids name: who has sent them, and which grids read them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("grids", sa.Column("files", sa.JSON(none_as_null=True)))
    op.create_table(
        "contents",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["user_name"], ["users.name"], name="fk_contents_user_name"),
        sa.PrimaryKeyConstraint("sha256", "user_name", name="pk_contents"),
    )
    op.create_index("ix_contents_user_name", "contents", ["user_name"])
    op.create_table(
        "grid_contents",
        sa.Column("grid_id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["grid_id"], ["grids.id"], name="fk_grid_contents_grid_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("grid_id", "sha256", name="pk_grid_contents"),
    )
    op.create_index("ix_grid_contents_sha256", "grid_contents", ["sha256"])


def downgrade() -> None:
    """Drop them; runs that read a file are no longer trained by an older program."""
    op.drop_table("grid_contents")
    op.drop_table("contents")
    op.drop_column("grids", "files")
