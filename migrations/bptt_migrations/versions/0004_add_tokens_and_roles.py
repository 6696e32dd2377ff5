"""Add access tokens, and the role and disabling of users."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ROLE = "role IN ('user', 'admin')"
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and the table."""
    if op.get_bind().dialect.name == "sqlite":
        # SQLite adds a constraint to a table only together with a column
        op.execute(
            "ALTER TABLE users ADD COLUMN role VARCHAR DEFAULT 'user' NOT NULL "
            f"CONSTRAINT ck_users_role CHECK ({ROLE})"
        )
    else:
        role = sa.Column("role", sa.String(), nullable=False, server_default=sa.text("'user'"))
        op.add_column("users", role)
        op.create_check_constraint(op.f("ck_users_role"), "users", ROLE)
    op.add_column("users", sa.Column("disabled_at", sa.Float()))
    op.create_table(
        "tokens",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float()),
        sa.Column("last_used_at", sa.Float()),
        sa.Column("revoked_at", sa.Float()),
        sa.ForeignKeyConstraint(["user_name"], ["users.name"], name="fk_tokens_user_name"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("hash", name="uq_tokens_hash"),
    )
    op.create_index("ix_tokens_prefix", "tokens", ["prefix"])
    op.create_index("ix_tokens_user_name", "tokens", ["user_name"])


def downgrade() -> None:
    """Drop them; tokens can no longer be used."""
    op.drop_table("tokens")
    op.drop_column("users", "disabled_at")
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_users_role"), "users")
    op.drop_column("users", "role")
