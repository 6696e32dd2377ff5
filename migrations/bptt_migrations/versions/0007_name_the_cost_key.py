"""Call the key of configurations that cost the same by what it is used for."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Rename the column; what it holds stays valid."""
    _rename("pack_key", "cost_key")


def downgrade() -> None:
    """Name it as before."""
    _rename("cost_key", "pack_key")


def _rename(old: str, new: str) -> None:
    op.alter_column("configurations", old, new_column_name=new)
    if op.get_bind().dialect.name == "postgresql":
        # from version 18 on NOT NULL has a name, which is not renamed with the column
        op.alter_column("configurations", new, nullable=True)
        op.alter_column("configurations", new, nullable=False)
