"""The gateway's first tables."""

import sqlalchemy as sa
from alembic import op

from common.db.migrate import create_shared_tables
from common.db.types import UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(80)
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    create_shared_tables(op.get_bind())
    _create_records()
    _create_accounts()


def _create_records() -> None:
    operations = op.create_table(
        "operations",
        sa.Column("id", ID, primary_key=True),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("server_id", ID, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.Column("heard_at", UTCDateTime, nullable=False),
        sa.Column("ends_by", UTCDateTime, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("operations_by_owner", "operations", ["owner_id", "id"])
    op.create_index("operations_by_quiet", "operations", ["ended", "heard_at"])
    op.create_index(
        "operations_active",
        "operations",
        ["server_id"],
        unique=True,
        sqlite_where=operations.c.ended == sa.false(),
        postgresql_where=operations.c.ended == sa.false(),
    )
    op.create_table(
        "servers",
        sa.Column("id", ID, primary_key=True),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("phase", sa.String(20), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("servers_by_owner", "servers", ["owner_id", "id"])
    op.create_table(
        "request_keys",
        sa.Column("scope", sa.String(160), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("operation_id", ID, nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False, index=True),
    )


def _create_accounts() -> None:
    op.create_table("setup", sa.Column("id", sa.Integer, primary_key=True))
    op.create_table(
        "users",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("folded_name", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("expires_at", UTCDateTime, nullable=False, index=True),
        sa.Column("revoked_at", UTCDateTime, nullable=True),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("session_id", ID, sa.ForeignKey("sessions.id"), nullable=False, index=True),
        sa.Column("expires_at", UTCDateTime, nullable=False),
        sa.Column("used_at", UTCDateTime, nullable=True),
    )
    op.create_table(
        "login_failures",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(64), nullable=False, index=True),
        sa.Column("failed_at", UTCDateTime, nullable=False, index=True),
    )
