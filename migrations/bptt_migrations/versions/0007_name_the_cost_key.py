"""Name the key of configurations that cost the same after its purpose."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Rename the column; its contents stay valid."""
    _rename("pack_key", "cost_key")


def downgrade() -> None:
    """Name it as before."""
    _rename("cost_key", "pack_key")


def _rename(old: str, new: str) -> None:
    op.alter_column("configurations", old, new_column_name=new)
    if op.get_bind().dialect.name == "postgresql":
        # from PostgreSQL 18 on, NOT NULL has a name, which is not renamed with the column
        op.alter_column("configurations", new, nullable=True)
        op.alter_column("configurations", new, nullable=False)
