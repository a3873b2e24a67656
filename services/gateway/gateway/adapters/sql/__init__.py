"""The gateway's memory, in SQLite or PostgreSQL."""
