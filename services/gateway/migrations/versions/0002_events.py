"""Public events, and the numbers they are read by."""

import sqlalchemy as sa
from alembic import op

from common.db.types import UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(80)
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    events = op.create_table(
        "events",
        sa.Column("row", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("position", sa.BigInteger, nullable=True, unique=True),
        sa.Column("id", ID, nullable=False, unique=True),
        sa.Column("type", sa.String(80), nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("time", UTCDateTime, nullable=False, index=True),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("only_for", ID, nullable=True),
    )
    op.create_index(
        "events_by_subject",
        "events",
        ["subject_id", "sequence"],
        unique=True,
        sqlite_where=events.c.only_for.is_(None),
        postgresql_where=events.c.only_for.is_(None),
    )
    op.create_index("events_by_owner", "events", ["owner_id", "position"])
    op.create_index(
        "events_unnumbered",
        "events",
        ["row"],
        sqlite_where=events.c.position.is_(None),
        postgresql_where=events.c.position.is_(None),
    )
    op.create_table(
        "event_counters",
        sa.Column("name", ID, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
