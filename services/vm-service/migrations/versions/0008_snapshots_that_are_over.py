"""A snapshot that nothing goes back to any more goes when the server is up: remember that."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column(
        "machines",
        sa.Column("snapshot_over", sa.Boolean, nullable=False, server_default=sa.false()),
    )
