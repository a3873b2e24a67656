"""What an older version wrote down is still meant after the migrations, on both engines."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text, update

from common.bell import Bell
from common.contracts.base import now
from common.db.engine import create_engine, database
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from tests.fakes.vm_service import NETWORK, SPEC
from vm_service.adapters.sql import binding, due_machines
from vm_service.adapters.tables import machines
from vm_service.domain.machine import planned
from vm_service.domain.network import AddressBook, VmidRange
from vm_service.domain.placement import Place
from vm_service.domain.program import Kind, Stage
from vm_service.main import MIGRATIONS

pytestmark = pytest.mark.integration

# Each stage of the one chain of the first version: what it means now.
MEANINGS = {
    "planned": (Kind.DEPLOY, Stage.WORKING, "reserve"),
    "reserved": (Kind.DEPLOY, Stage.WORKING, "clone"),
    "cloned": (Kind.DEPLOY, Stage.WORKING, "configure"),
    "configured": (Kind.DEPLOY, Stage.WORKING, "resize"),
    "resized": (Kind.DEPLOY, Stage.WORKING, "start"),
    "started": (Kind.DEPLOY, Stage.WORKING, "address"),
    "ready": (Kind.DEPLOY, Stage.READY, None),
    "failed": (Kind.DEPLOY, Stage.FAILED, None),
    "removing": (Kind.REMOVE, Stage.WORKING, "stop"),
    "stopped": (Kind.REMOVE, Stage.WORKING, "destroy"),
    "gone": (Kind.REMOVE, Stage.GONE, None),
    "blocked": (Kind.REMOVE, Stage.BLOCKED, None),
}

ROW = text(
    "INSERT INTO machines (server_id, operation_id, stage, vmid, node, address, owned, attempt,"
    " told, host_keys, changed_at) VALUES (:server, 'op_1', :stage, :vmid, 'pve', :address, :owned,"
    " 1, 7, '[]', '2026-01-01 00:00:00+00:00')"
)


async def written_by_the_first_version(url: str, directory: Path) -> None:
    """Make the tables of the first version, with a row at every stage."""

    def upgrade(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(directory))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")

    engine = create_engine(url, pooled=False)
    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
        for number, stage in enumerate(MEANINGS):
            values = {"server": f"srv_{stage}", "stage": stage, "vmid": 900_000 + number}
            values |= {"address": f"10.77.0.{number + 2}", "owned": True}
            statement = ROW
            if connection.dialect.name == "postgresql":
                statement = text(str(ROW).replace("'2026", "TIMESTAMPTZ '2026"))
            await connection.execute(statement, values)
    await engine.dispose()


async def test_a_row_at_any_stage_goes_on_where_it_was(database_url: str):
    await written_by_the_first_version(database_url, MIGRATIONS)

    await migrate(database_url, MIGRATIONS)

    vmids, book = VmidRange(first=900_000, last=900_099), AddressBook((NETWORK,))
    async with database(database_url) as sessions:
        work = UnitOfWork(sessions, bind=binding(lambda: vmids, lambda: book), bell=Bell())
        async with work() as tx:
            found = {stage: await tx.machines.get(f"srv_{stage}") for stage in MEANINGS}
        due = await due_machines(sessions, 100)

    assert {stage: (m.kind, m.stage, m.step) for stage, m in found.items()} == MEANINGS
    assert {(m.made_by, m.told, m.owned, m.power) for m in found.values()} == {
        ("op_1", 7, True, "unknown")
    }
    nets = [m.net.address for m in found.values() if m.net is not None]
    assert [str(net.ip) for net in nets if net] == [m.address for m in found.values()]
    assert set(due) == {f"srv_{s}" for s, m in MEANINGS.items() if m[1] is Stage.WORKING}


async def test_copies_that_start_together_carry_them_over_once(database_url: str):
    await written_by_the_first_version(database_url, MIGRATIONS)

    await asyncio.gather(*(migrate(database_url, MIGRATIONS) for _ in range(3)))

    async with database(database_url) as sessions:
        assert len(await due_machines(sessions, 100)) == 8


# A place as other versions write it: whether it makes a copy was told by its storage alone.
PLACE = {"node": "pve", "template": 900_050, "template_node": "pve"}
PLACES = {
    "srv_copy": PLACE | {"storage": "fast"},
    "srv_linked": PLACE | {"storage": None, "baked": True},
    "srv_newer": PLACE | {"storage": "fast", "full": False, "colour": "blue"},
}


async def test_a_place_of_another_version_is_meant_as_it_was_written(database_url: str):
    vmids, book = VmidRange(first=900_000, last=900_099), AddressBook((NETWORK,))
    await migrate(database_url, MIGRATIONS)
    async with database(database_url) as sessions:
        work = UnitOfWork(sessions, bind=binding(lambda: vmids, lambda: book), bell=Bell())
        for server, place in PLACES.items():
            async with work() as tx:
                await tx.machines.add(
                    planned(server_id=server, operation_id="op_1", spec=SPEC, deadline=now())
                )
            async with sessions.begin() as session:
                row = update(machines).where(machines.c.server_id == server)
                await session.execute(row.values(place=place))

        async with work() as tx:
            homes = [(await tx.machines.get(server)).home for server in PLACES]
            linked = await tx.machines.cloned_from(900_050)

    rest = Place(node="pve", template=900_050, template_node="pve")
    assert homes == [
        replace(rest, storage="fast", full=True),
        replace(rest, baked=True),
        replace(rest, storage="fast"),
    ]
    assert linked == ["srv_linked", "srv_newer"]
