"""Streams and their lines."""

import sqlalchemy as sa
from alembic import op

from common.db.types import UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "streams",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("server_id", sa.String(80), nullable=False, index=True),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False),
    )
    op.create_table(
        "lines",
        sa.Column("stream_id", sa.String(80), primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("writer", sa.String(120), nullable=False),
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("time", UTCDateTime, nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("step", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.UniqueConstraint("stream_id", "writer", "key", name="one_line_per_key"),
    )


def downgrade() -> None:
    op.drop_table("lines")
    op.drop_table("streams")
