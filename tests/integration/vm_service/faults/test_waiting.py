"""What passes by itself: locks, and a cluster without its quorum."""

import pytest

from common.contracts.events import VMDeleted, VMFailed, VMReady
from tests.integration.vm_service.conftest import Service, Site
from tests.integration.vm_service.faults.conftest import FIRST, Trouble, Waits, told, tries

pytestmark = pytest.mark.integration

LOCK_PATIENCE = 600.0


async def test_f26_a_template_that_a_backup_has_locked_is_waited_for(
    site: Site, service: Service, trouble: Trouble, waits: Waits
):
    await trouble.make(preset="locked")
    waits.at(LOCK_PATIENCE - 60, trouble.end)
    await service.want()

    await service.go()

    [fact] = await service.said(VMReady)
    assert (fact.vmid, site.tasks("qmclone")) == (FIRST, 1), await told(service)
    assert waits.seconds > LOCK_PATIENCE - 60
    assert any("VM is locked (backup)" in line for line in await service.lines())


async def test_f26_a_lock_that_stays_is_waited_for_ten_minutes_then_failed_and_cleaned(
    site: Site, service: Service, trouble: Trouble, waits: Waits
):
    await trouble.make(preset="locked")
    await service.want()
    await service.go()

    [failed] = await service.said(VMFailed)
    assert (failed.step, failed.reason) == ("clone", "VM is locked (backup)")
    assert LOCK_PATIENCE <= waits.seconds < LOCK_PATIENCE + 60

    await service.refuse()
    await service.go()

    assert site.machines() == {}
    assert len(await service.said(VMDeleted)) == 1


@pytest.mark.parametrize("task", ["qmclone", "qmstart"])
async def test_f27_a_task_that_did_not_get_a_lock_is_tried_again(
    site: Site, service: Service, trouble: Trouble, task: str
):
    fault = await trouble.make(preset="task-lock-timeout", task=task, count=7)
    await service.want()

    await service.go()

    [fact] = await service.said(VMReady)
    assert (fact.vmid, list(site.machines())) == (FIRST, [FIRST]), await told(service)
    assert await trouble.hits(fault) == 7
    assert any("got timeout" in line for line in await service.lines())


@pytest.mark.parametrize(("step", "path"), [("configure", "/config$"), ("resize", "/resize$")])
async def test_f27_a_change_that_did_not_get_a_lock_is_tried_again(
    service: Service, trouble: Trouble, step: str, path: str
):
    fault = await trouble.make(preset="lock-timeout", path=path, count=7)
    await service.want()

    await service.go()

    assert len(await service.said(VMReady)) == 1, await told(service)
    assert await trouble.hits(fault) == 7
    assert await tries(service, step) == 8


@pytest.mark.parametrize("task", ["qmstop", "qmdestroy"])
async def test_f27_a_removal_that_did_not_get_a_lock_is_tried_again(
    site: Site, service: Service, trouble: Trouble, task: str
):
    await service.want()
    await service.go()
    fault = await trouble.make(preset="task-lock-timeout", task=task, count=7)
    await service.refuse()

    await service.go()

    assert site.machines() == {}, await told(service)
    assert await trouble.hits(fault) == 7


async def test_f30_a_cluster_without_quorum_is_waited_for(
    site: Site, service: Service, trouble: Trouble, waits: Waits
):
    await trouble.make(preset="no-quorum", path="/api2")
    waits.at(300, trouble.end)
    await service.want()

    await service.go()

    [fact] = await service.said(VMReady)
    assert (fact.vmid, site.tasks("qmclone")) == (FIRST, 1), await told(service)
    assert waits.seconds > 300
    assert any("no quorum" in line for line in await service.lines())


async def test_f30_a_removal_waits_for_the_quorum(
    site: Site, service: Service, trouble: Trouble, waits: Waits
):
    await service.want()
    await service.go()
    await trouble.make(preset="no-quorum", path="/api2")
    waits.at(waits.seconds + 300, trouble.end)
    await service.refuse()

    await service.go()

    assert site.machines() == {}, await told(service)
    assert len(await service.said(VMDeleted)) == 1
