"""Clones that meet a stranger, end oddly, or do not end at all."""

import pytest

from common.contracts.events import VMDeleted, VMFailed, VMReady, VMRemovalBlocked
from tests.fakes.sweeper import verdicts
from tests.integration.vm_service.conftest import Service, Site
from tests.integration.vm_service.faults.conftest import FIRST, Sweeps, Trouble, told, tries

pytestmark = pytest.mark.integration

BY_HAND = f"qm unlock {FIRST} && qm destroy {FIRST}"


@pytest.mark.parametrize("pve", ["8.4", "9.2"])
@pytest.mark.parametrize("preset", ["stranger", "stranger-in-task"])
async def test_f23_an_id_that_a_stranger_takes_is_left_to_him_and_the_next_one_used(
    site: Site, service: Service, trouble: Trouble, preset: str
):
    await trouble.make(preset=preset)
    await service.want()
    await service.go()
    stranger = site.machines()[FIRST].model_dump_json()
    [fact] = await service.said(VMReady)
    assert fact.vmid == FIRST + 1, await told(service)

    await service.refuse()
    await service.go()

    assert list(site.machines()) == [FIRST]
    assert site.machines()[FIRST].model_dump_json() == stranger


@pytest.mark.parametrize("task", ["qmclone", "qmstart", "qmstop|qmdestroy"])
async def test_f24_a_task_that_ends_with_warnings_has_succeeded_and_they_are_told(
    site: Site, service: Service, trouble: Trouble, task: str
):
    await trouble.make(preset="warnings", task=task)
    await service.want()
    await service.go()
    await service.refuse()
    await service.go()

    assert len(await service.said(VMReady)) == len(await service.said(VMDeleted)) == 1
    assert site.machines() == {}
    warned = [line for line in await service.lines() if "no physical CD-ROM available" in line]
    assert warned, await told(service)


@pytest.mark.parametrize("pve", ["8.4", "9.2"])
@pytest.mark.parametrize("preset", ["dead-worker", "late-dead-worker"])
async def test_f25_a_clone_whose_worker_died_is_told_with_the_command_and_then_left_alone(
    site: Site, service: Service, trouble: Trouble, preset: str
):
    await trouble.make(preset=preset)
    await service.want()
    await service.go()
    await service.refuse()
    await service.go()

    [failed] = await service.said(VMFailed)
    assert (failed.step, await tries(service, "clone")) == ("clone", 1), await told(service)
    assert BY_HAND in (failed.remedy or "")
    [blocked] = await service.said(VMRemovalBlocked)
    assert blocked.vmid == FIRST
    assert BY_HAND in blocked.remedy
    assert (site.tasks("qmclone"), site.machines()[FIRST].lock) == (1, "clone")

    calls = await trouble.count(path="/api2")
    await service.go()

    assert await trouble.hits(calls) == 0


@pytest.mark.parametrize("preset", ["dead-worker", "late-dead-worker"])
async def test_f25_sweeps_keep_telling_the_command_and_do_not_try_in_vain(
    site: Site, service: Service, trouble: Trouble, sweeps: Sweeps, preset: str
):
    await trouble.make(preset=preset)
    await service.want()
    await service.go()
    await service.refuse()
    await service.go()
    removals = await trouble.count(method="DELETE", path="/qemu/")
    for hours in range(1, 25):
        report = await sweeps.sweep(hours=hours)
        await service.go()

        assert verdicts(report) == {FIRST: "cleanup_blocked"}
        [orphan] = report.orphans
        assert orphan.command == BY_HAND

    assert await trouble.hits(removals) == 0
    site.lab.site.cluster.pop(FIRST)  # as the command does
    await sweeps.sweep(hours=25)
    await service.go()

    assert len(await service.said(VMDeleted)) == 1


@pytest.mark.parametrize("pve", ["8.4", "9.2"])
async def test_f31_a_storage_that_is_full_fails_it_at_once_in_proxmoxs_words_and_is_cleaned(
    site: Site, service: Service, trouble: Trouble
):
    await trouble.make(preset="storage-full")
    await service.want()
    await service.go()
    await service.refuse()
    await service.go()

    [failed] = await service.said(VMFailed)
    assert (failed.step, await tries(service, "clone")) == ("clone", 1), await told(service)
    assert "No space left on device" in failed.reason
    assert "free space" in (failed.remedy or "")
    assert site.machines() == {}
    assert len(await service.said(VMDeleted)) == 1
