"""The gateway's tables.

Operations and servers keep themselves whole in ``body``; the other columns repeat what is
searched for.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    func,
)

from common.db.types import UTCDateTime

metadata: Final = MetaData()

ID: Final = String(80)

operations: Final = Table(
    "operations",
    metadata,
    Column("id", ID, primary_key=True),
    Column("owner_id", ID, nullable=False),
    Column("server_id", ID, nullable=False),
    Column("state", String(20), nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("heard_at", UTCDateTime, nullable=False),
    Column("ends_by", UTCDateTime, nullable=False),
    Column("body", JSON, nullable=False),
)
Index("operations_by_owner", operations.c.owner_id, operations.c.id)
Index("operations_by_quiet", operations.c.ended, operations.c.heard_at)
# One operation at a time is active on a server, whatever the code believes.
Index(
    "operations_active",
    operations.c.server_id,
    unique=True,
    sqlite_where=operations.c.ended == false(),
    postgresql_where=operations.c.ended == false(),
)

servers: Final = Table(
    "servers",
    metadata,
    Column("id", ID, primary_key=True),
    Column("owner_id", ID, nullable=False),
    Column("phase", String(20), nullable=False),
    Column("body", JSON, nullable=False),
)
Index("servers_by_owner", servers.c.owner_id, servers.c.id)

# Rows of older versions do not say for what they are.
_PURPOSE: Final = servers.c.body["spec"]["purpose"].as_string()
IS_TEMPLATE: Final = func.coalesce(_PURPOSE, "server") == "template"

request_keys: Final = Table(
    "request_keys",
    metadata,
    Column("scope", String(160), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("body_hash", String(64), nullable=False),
    Column("operation_id", ID, nullable=False),
    Column("created_at", UTCDateTime, nullable=False, index=True),
)

# Holds one row at most, with id 1: whoever inserts it adds the first user.
setup: Final = Table("setup", metadata, Column("id", Integer, primary_key=True))

users: Final = Table(
    "users",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("folded_name", String(64), nullable=False, unique=True),
    Column("role", String(20), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
)

sessions: Final = Table(
    "sessions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("user_id", ID, ForeignKey("users.id"), nullable=False, index=True),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False, index=True),
    Column("revoked_at", UTCDateTime, nullable=True),
)

refresh_tokens: Final = Table(
    "refresh_tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("session_id", ID, ForeignKey("sessions.id"), nullable=False, index=True),
    Column("expires_at", UTCDateTime, nullable=False),
    Column("used_at", UTCDateTime, nullable=True),
)

login_failures: Final = Table(
    "login_failures",
    metadata,
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("key", String(64), nullable=False, index=True),
    Column("failed_at", UTCDateTime, nullable=False, index=True),
)
