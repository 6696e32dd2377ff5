"""Add the code of a grid's plugins that are not as released."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; of grids that are there already, the code is not known."""
    op.add_column("grids", sa.Column("code", sa.JSON))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("grids", "code")
