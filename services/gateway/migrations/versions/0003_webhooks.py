"""Webhook endpoints, what is on its way to them, and each attempt."""

import sqlalchemy as sa
from alembic import op

from common.db.types import UTCDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.String(80)


def upgrade() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", ID, primary_key=True),
        sa.Column("owner_id", ID, nullable=True, index=True),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    _deliveries()
    op.create_table(
        "webhook_attempts",
        sa.Column("endpoint_id", ID, primary_key=True),
        sa.Column("event_id", ID, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", UTCDateTime, nullable=False, index=True),
        sa.Column("took", sa.Float(53), nullable=False),
        sa.Column("status", sa.Integer, nullable=True),
        sa.Column("error", sa.Text, nullable=True),
        sa.Column("answer", sa.Text, nullable=False),
    )
    op.create_index("webhook_attempts_listed", "webhook_attempts", ["endpoint_id", "at"])


def _deliveries() -> None:
    table = op.create_table(
        "webhook_deliveries",
        sa.Column("endpoint_id", ID, primary_key=True),
        sa.Column("event_id", ID, primary_key=True),
        sa.Column("event_type", sa.String(80), nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("next_at", UTCDateTime, nullable=False),
        sa.Column("done_at", UTCDateTime, nullable=True, index=True),
    )
    pending = table.c.state == "pending"
    tried = pending & (table.c.tries > 0)
    for name, columns, which in (
        ("webhook_deliveries_due", ["endpoint_id", "next_at"], pending),
        ("webhook_deliveries_order", ["endpoint_id", "subject_id", "position"], pending),
        ("webhook_deliveries_tried", ["endpoint_id", "next_at"], tried),
    ):
        op.create_index(
            name, "webhook_deliveries", columns, sqlite_where=which, postgresql_where=which
        )
    op.create_index("webhook_deliveries_listed", "webhook_deliveries", ["endpoint_id", "position"])
