"""Every service's migrations make the tables its code uses, on both engines, once."""

import asyncio
import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData

from common.db.engine import create_engine
from common.db.leases import leases
from common.db.mailbox import inbox, outbox
from common.db.migrate import migrate

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
# Where each service describes its tables.
SERVICES = {
    "gateway": [
        f"gateway.adapters.sql.{module}" for module in ("tables", "event_tables", "webhook_tables")
    ],
    "vm-service": ["vm_service.adapters.tables"],
    "provisioner": [
        f"provisioner.adapters.{module}" for module in ("sql", "keys_sql", "counts_sql")
    ],
    "log-service": ["log_service.adapters.sql"],
}


def metadata_of(service: str) -> MetaData:
    """Find the tables of a service; with a mailbox unless it only records."""
    together = MetaData()
    for module in SERVICES[service]:
        for table in importlib.import_module(module).metadata.tables.values():
            table.to_metadata(together)
    for table in () if service == "log-service" else (inbox, outbox, leases):
        table.to_metadata(together)
    return together


@pytest.mark.parametrize("service", SERVICES)
async def test_the_migrations_make_what_the_code_uses(service: str, database_url: str) -> None:
    await migrate(database_url, ROOT / "services" / service / "migrations")
    wanted = metadata_of(service)

    def difference(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return list(compare_metadata(context, wanted))

    engine = create_engine(database_url, pooled=False)
    async with engine.connect() as connection:
        found = await connection.run_sync(difference)
    await engine.dispose()

    assert [d for d in found if "alembic_version" not in str(d)] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_copies_that_start_together_do_not_trip_over_each_other(
    service: str, database_url: str
) -> None:
    directory = ROOT / "services" / service / "migrations"

    await asyncio.gather(*(migrate(database_url, directory) for _ in range(3)))
    await migrate(database_url, directory)
