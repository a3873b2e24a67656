"""The tables of the vm-service."""

from typing import Final

from sqlalchemy import JSON, Boolean, Column, Index, Integer, MetaData, String, Table, Text, text

from common.db.types import UTCDateTime

metadata: Final = MetaData()

LIVING: Final = text("stage <> 'gone'")

machines: Final = Table(
    "machines",
    metadata,
    Column("server_id", String(80), primary_key=True),
    Column("operation_id", String(80), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("stage", String(16), nullable=False, index=True),
    Column("step", String(16)),
    Column("made_by", String(80), nullable=False),
    Column("force", Boolean, nullable=False),
    Column("spec", JSON),
    Column("deadline", UTCDateTime),
    Column("vmid", Integer),
    Column("node", String(80)),
    Column("address", String(45)),
    Column("address6", String(45)),
    Column("place", JSON),
    Column("assignment", JSON),
    Column("owned", Boolean, nullable=False),
    Column("task", String(255)),
    Column("leftover", String(255)),
    Column("rebooting", Boolean, nullable=False),
    Column("boot_needed", Boolean, nullable=False),
    Column("snapshot", String(64)),
    Column("snapshot_over", Boolean, nullable=False),
    Column("power", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("since", UTCDateTime),
    Column("told", Integer, nullable=False),
    Column("host_keys", JSON, nullable=False),
    Column("endpoint", JSON),
    Column("failure", JSON),
    Column("changed_at", UTCDateTime, nullable=False),
    Index("one_living_vmid", "vmid", unique=True, sqlite_where=LIVING, postgresql_where=LIVING),
    Index(
        "one_living_address", "address", unique=True, sqlite_where=LIVING, postgresql_where=LIVING
    ),
    Index(
        "one_living_address6", "address6", unique=True, sqlite_where=LIVING, postgresql_where=LIVING
    ),
)

burnt_vmids: Final = Table(
    "burnt_vmids",
    metadata,
    Column("vmid", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("burnt_at", UTCDateTime, nullable=False),
)

sweeps: Final = Table(
    "sweeps",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("swept_at", UTCDateTime, nullable=False),
)

# One row at most, with id 1; the token's secret in it is an envelope.
hypervisor_settings: Final = Table(
    "hypervisor_settings",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("changed_at", UTCDateTime, nullable=False),
)
