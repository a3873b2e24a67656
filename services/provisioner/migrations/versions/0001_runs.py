"""Runs, and what every service has."""

import sqlalchemy as sa
from alembic import op

from common.db.migrate import create_shared_tables
from common.db.types import UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_shared_tables(op.get_bind())
    op.create_table(
        "runs",
        sa.Column("server_id", sa.String(80), primary_key=True),
        sa.Column("operation_id", sa.String(80), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False, index=True),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("vm", sa.Text, nullable=True),
        sa.Column("host_keys", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=True),
        sa.Column("updated_at", UTCDateTime, nullable=False),
    )
