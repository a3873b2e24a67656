"""Which counts of players were told last, so that no change is told twice."""

import sqlalchemy as sa
from alembic import op

from common.db.types import UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counts",
        sa.Column("server_id", sa.String(80), primary_key=True),
        sa.Column("players", sa.Integer, nullable=False),
        sa.Column("max_players", sa.Integer, nullable=True),
        sa.Column("told_at", UTCDateTime, nullable=False),
    )
