"""The tables of public events.

A row is written with the fact it tells, and numbered for its source then. Its ``position`` among
all events, by which they are read, it gets once it is committed (``numbering``): positions given
any earlier would become visible out of order, and a reader would pass over some.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

from common.db.types import UTCDateTime

metadata: Final = MetaData()

ID: Final = String(80)
SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")

events: Final = Table(
    "events",
    metadata,
    Column("row", SERIAL, primary_key=True, autoincrement=True),
    Column("position", BigInteger, nullable=True, unique=True),
    Column("id", ID, nullable=False, unique=True),
    Column("type", String(80), nullable=False),
    Column("owner_id", ID, nullable=False),
    Column("subject_id", ID, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("time", UTCDateTime, nullable=False, index=True),
    Column("data", JSON, nullable=False),
    # A webhook endpoint's own: a ping, an example. Nobody else gets it.
    Column("only_for", ID, nullable=True),
)
Index(
    "events_by_subject",
    events.c.subject_id,
    events.c.sequence,
    unique=True,
    sqlite_where=events.c.only_for.is_(None),
    postgresql_where=events.c.only_for.is_(None),
)
Index("events_by_owner", events.c.owner_id, events.c.position)
# What waits for its position: few rows, whatever the table holds.
Index(
    "events_unnumbered",
    events.c.row,
    sqlite_where=events.c.position.is_(None),
    postgresql_where=events.c.position.is_(None),
)

# The last number given, for each source, and (under ``POSITIONS``) among all events.
counters: Final = Table(
    "event_counters",
    metadata,
    Column("name", ID, primary_key=True),
    Column("last", BigInteger, nullable=False),
)
POSITIONS: Final = "positions"
