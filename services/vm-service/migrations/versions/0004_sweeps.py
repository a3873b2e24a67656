"""What one sweep for orphans leaves for the next."""

import sqlalchemy as sa
from alembic import op

from common.db.types import UTCDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("swept_at", UTCDateTime, nullable=False),
    )
