"""The tables of webhooks: endpoints, one row for each event on its way to one, and its attempts.

Endpoints keep themselves whole in ``body``; the other columns repeat what is searched for.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from common.db.types import UTCDateTime
from gateway.domain.delivery import DeliveryState

metadata: Final = MetaData()

ID: Final = String(80)

endpoints: Final = Table(
    "webhook_endpoints",
    metadata,
    Column("id", ID, primary_key=True),
    Column("owner_id", ID, nullable=True, index=True),
    Column("enabled", Boolean, nullable=False),
    Column("body", JSON, nullable=False),
)

deliveries: Final = Table(
    "webhook_deliveries",
    metadata,
    Column("endpoint_id", ID, primary_key=True),
    Column("event_id", ID, primary_key=True),
    Column("event_type", String(80), nullable=False),
    Column("subject_id", ID, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", String(20), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("next_at", UTCDateTime, nullable=False),
    Column("done_at", UTCDateTime, nullable=True, index=True),
)
_PENDING: Final = deliveries.c.state == DeliveryState.PENDING
# What is due, and what comes next of a server: few rows, whatever the table holds.
Index(
    "webhook_deliveries_due",
    deliveries.c.endpoint_id,
    deliveries.c.next_at,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)
Index(
    "webhook_deliveries_order",
    deliveries.c.endpoint_id,
    deliveries.c.subject_id,
    deliveries.c.position,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)
# Of an endpoint in order: what was tried, and may hold up others no longer.
Index(
    "webhook_deliveries_tried",
    deliveries.c.endpoint_id,
    deliveries.c.next_at,
    sqlite_where=_PENDING & (deliveries.c.tries > 0),
    postgresql_where=_PENDING & (deliveries.c.tries > 0),
)
Index("webhook_deliveries_listed", deliveries.c.endpoint_id, deliveries.c.position)

attempts: Final = Table(
    "webhook_attempts",
    metadata,
    Column("endpoint_id", ID, primary_key=True),
    Column("event_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", UTCDateTime, nullable=False, index=True),
    Column("took", Float(53), nullable=False),
    Column("status", Integer, nullable=True),
    Column("error", Text, nullable=True),
    Column("answer", Text, nullable=False),
)
Index("webhook_attempts_listed", attempts.c.endpoint_id, attempts.c.at)
