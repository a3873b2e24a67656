"""A node that goes down in the middle of a clone, for a while or for good."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from common.contracts.events import VMDeleted, VMFailed, VMReady, VMRemovalBlocked
from tests.integration.vm_service.conftest import Opened, Service, Site
from tests.integration.vm_service.faults.conftest import (
    FIRST,
    SPEED,
    Trouble,
    Waits,
    nobody_was_hurt,
    told,
)

pytestmark = pytest.mark.integration

STEP_PATIENCE = 1800.0


@pytest.fixture
async def site(open_site: Opened) -> AsyncIterator[Site]:
    async with open_site(speed=SPEED, nodes=3) as opened:
        yield opened
        await nobody_was_hurt(opened)


async def clone_on_a_node_that_goes_down(
    site: Site, service: Service, trouble: Trouble, preset: str
) -> None:
    """Take down the node that clones, as soon as the half-made VM is there."""
    site.lab.clock.run_at(0.2)
    await service.want()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(service.go())
        while not site.lab.site.cluster.get(FIRST):
            await asyncio.sleep(0.005)
        await trouble.make(preset=preset, node="pve")
        site.lab.clock.run_at(SPEED)


async def test_f29_a_node_that_nobody_reaches_for_two_minutes_is_waited_for(
    site: Site, service: Service, trouble: Trouble, waits: Waits
):
    waits.at(120, trouble.end)
    await clone_on_a_node_that_goes_down(site, service, trouble, "node-unreachable")

    [fact] = await service.said(VMReady)
    assert (fact.vmid, site.tasks("qmclone")) == (FIRST, 1), await told(service)
    assert waits.seconds > 120
    assert any("pve" in line and "Not yet" in line for line in await service.lines())


async def test_f29_a_clone_that_died_with_its_node_is_told_when_the_node_is_back(
    site: Site, service: Service, trouble: Trouble, waits: Waits
):
    waits.at(120, trouble.end)
    await clone_on_a_node_that_goes_down(site, service, trouble, "node-down")
    await service.refuse()
    await service.go()

    [failed] = await service.said(VMFailed)
    assert failed.step == "clone", await told(service)
    [blocked] = await service.said(VMRemovalBlocked)
    assert f"qm unlock {FIRST} && qm destroy {FIRST}" in blocked.remedy
    assert site.tasks("qmclone") == 1


async def test_f29_while_nobody_knows_what_became_of_the_clone_no_other_is_made(
    site: Site, service: Service, trouble: Trouble, waits: Waits
):
    await clone_on_a_node_that_goes_down(site, service, trouble, "node-unreachable")

    [failed] = await service.said(VMFailed)
    assert failed.step == "clone", await told(service)
    assert waits.seconds >= STEP_PATIENCE
    assert (site.tasks("qmclone"), list(site.lab.site.cluster).count(FIRST)) == (1, 1)

    await service.refuse()
    waits.at(waits.seconds + 60, trouble.end)
    await service.go()

    assert FIRST not in site.lab.site.cluster, await told(service)
    assert len(await service.said(VMDeleted)) == 1
