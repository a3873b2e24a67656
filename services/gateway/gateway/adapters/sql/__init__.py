"""The gateway's memory, in SQLite or PostgreSQL."""

from gateway.adapters.sql.tables import metadata

__all__ = ["metadata"]
