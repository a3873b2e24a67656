"""VM ids and addresses are taken in the database, by the rules of the settings that count now."""

from dataclasses import replace

import pytest

from common.bell import Bell
from common.contracts.base import now
from common.db.engine import database
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from tests.fakes.vm_service import NETWORK, SPEC
from vm_service.adapters.sql import SqlWork, binding
from vm_service.domain.machine import Machine, planned
from vm_service.domain.network import AddressBook, VmidRange
from vm_service.domain.placement import Place
from vm_service.domain.program import Stage
from vm_service.main import MIGRATIONS

pytestmark = pytest.mark.integration


async def reserved(work: UnitOfWork[SqlWork], server: str) -> Machine:
    """Take an id for a server."""
    machine = planned(server_id=server, operation_id="op_1", spec=SPEC, deadline=now())
    async with work() as tx:
        await tx.machines.add(machine)
        machine = await tx.machines.reserve(machine)
        await tx.machines.save(machine)
    return machine


async def test_an_id_is_not_used_again_at_once_after_the_range_was_moved_down(database_url: str):
    vmids, book = VmidRange(first=950_000, last=950_099), AddressBook((NETWORK,))
    await migrate(database_url, MIGRATIONS)
    async with database(database_url) as sessions:
        work = UnitOfWork(sessions, bind=binding(lambda: vmids, lambda: book), bell=Bell())
        await reserved(work, "srv_before")
        async with work() as tx:
            await tx.machines.burn(960_000, reason="of an even higher range")
        vmids = VmidRange(first=900_000, last=900_099)

        first = await reserved(work, "srv_1")
        async with work() as tx:
            await tx.machines.save(replace(first, stage=Stage.GONE))
        second = await reserved(work, "srv_2")

    assert (first.vmid, second.vmid) == (900_000, 900_001)


async def test_templates_are_found_by_game_and_recipe_and_their_clones_by_their_place(
    database_url: str,
):
    vmids, book = VmidRange(first=900_000, last=900_099), AddressBook((NETWORK,))
    bake = SPEC.model_copy(update={"purpose": "template", "recipe": "abc"})
    await migrate(database_url, MIGRATIONS)
    async with database(database_url) as sessions:
        work = UnitOfWork(sessions, bind=binding(lambda: vmids, lambda: book), bell=Bell())
        template, one, other, copy = [await reserved(work, f"srv_{n}") for n in range(4)]
        home = Place(node="pve", template=9000, template_node="pve")
        mine = replace(home, template=template.vmid or 0)
        async with work() as tx:
            baked = replace(template, stage=Stage.TEMPLATE, spec=bake, home=home, address=None)
            await tx.machines.save(replace(baked, net=None))
            await tx.machines.save(replace(one, home=mine))
            await tx.machines.save(replace(other, home=home))
            await tx.machines.save(replace(copy, home=replace(mine, full=True)))

        async with work() as tx:
            found = await tx.machines.templates(game=SPEC.game, recipe="abc")
            of_another = await tx.machines.templates(game=SPEC.game, recipe="abd")
            clones = await tx.machines.cloned_from(template.vmid or 0)
            await tx.machines.save(replace(one, home=mine, stage=Stage.GONE))
            later = await tx.machines.cloned_from(template.vmid or 0)

    assert [machine.server_id for machine in found] == ["srv_0"]
    assert of_another == []
    assert (clones, later) == (["srv_1"], [])
