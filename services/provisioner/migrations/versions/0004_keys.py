"""A key of its own for every server's guest."""

import sqlalchemy as sa
from alembic import op

from common.db.types import UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "keys",
        sa.Column("server_id", sa.String(80), primary_key=True),
        sa.Column("public", sa.Text, nullable=False),
        sa.Column("private", sa.Text, nullable=False),
        sa.Column("made_at", UTCDateTime, nullable=False),
    )
