"""Alembic's entry into the log-service's migrations."""

from common.db.migrate import run_env

run_env()
