"""Machines come and go on a Proxmox that speaks HTTPS, whatever it does to the calls."""

import asyncio
from urllib.parse import unquote

import pytest

from common.contracts.events import VMDeleted, VMFailed, VMReady, VMRemovalBlocked
from proxmox_lab.site.things import Machine
from proxmox_lab.tasks.task import Task
from tests.integration.vm_service.conftest import SSH_KEY, Opened, Service, Site, service_of

pytestmark = pytest.mark.integration

FIRST = 900_000
LOCKED = "can't lock file '/var/lock/qemu-server/lock-9000.conf' - got timeout"


async def only_ready(service: Service) -> VMReady:
    facts = await service.said(VMReady)
    assert len(facts) == 1, "\n".join(await service.lines())
    return facts[0]


@pytest.mark.parametrize("pve", ["8.4", "9.2"])
async def test_a_vm_is_brought_up_as_ordered_and_removed_without_a_trace(
    open_site: Opened, pve: str
):
    async with open_site(pve=pve) as site, service_of(site.settings) as service:
        await service.want()
        await service.go()

        fact = await only_ready(service)
        assert (fact.vmid, fact.node, fact.endpoint.ssh_host) == (FIRST, "pve", "127.1.2.3")
        [port] = fact.endpoint.ports
        assert (port.name, port.guest_port) == ("game", 30000)
        machine = site.machines()[FIRST]
        config = machine.config
        assert (config["name"], config["cores"], config["memory"]) == ("lobby", "2", "2048")
        assert config["description"].splitlines()[0] == "spawnyard:spawnyard:srv_1:op_1"
        assert config["ipconfig0"] == f"ip={fact.endpoint.address}/16,gw=10.77.0.1"
        assert unquote(config["sshkeys"]).strip() == SSH_KEY
        assert "size=8G" in config["scsi0"]
        assert site.lab.site.pool_of(FIRST) == "spawnyard"

        await service.refuse()
        await service.go()

        assert site.machines() == {}
        [gone] = await service.said(VMDeleted)
        assert gone.vmid == FIRST


async def test_a_clone_whose_answer_is_lost_is_found_again(site: Site, service: Service):
    await site.break_(action="drop", method="POST", path="/clone$", count=1)
    await service.want()

    await service.go()

    assert list(site.machines()) == [FIRST]
    assert site.tasks("qmclone") == 1
    assert (await only_ready(service)).vmid == FIRST


@pytest.mark.parametrize("path", ["/config$", "/resize$", "/status/start$", "/agent/", "/tasks/"])
async def test_an_answer_lost_anywhere_is_made_up_for(site: Site, service: Service, path: str):
    await site.break_(action="drop", path=path, count=2)
    await service.want()

    await service.go()

    assert (await only_ready(service)).vmid == FIRST
    assert list(site.machines()) == [FIRST]


@pytest.mark.parametrize("path", ["/status/stop$", f"/qemu/{FIRST}$", "/tasks/"])
async def test_an_answer_lost_while_removing_is_made_up_for(
    site: Site, service: Service, path: str
):
    await service.want()
    await service.go()
    await site.break_(action="drop", path=path, count=2)
    await service.refuse()

    await service.go()

    assert site.machines() == {}
    assert len(await service.said(VMDeleted)) == 1


@pytest.mark.parametrize("in_pool", [False, True])
async def test_a_stranger_with_our_id_is_left_alone(site: Site, service: Service, in_pool: bool):
    stranger = Machine(vmid=FIRST, config={"name": "database", "memory": "512"}, template="x")
    site.lab.site.machines[FIRST] = stranger
    if in_pool:
        site.lab.site.rules.pools["spawnyard"].machines.add(FIRST)
    await service.want()
    await service.go()
    fact = await only_ready(service)
    await service.refuse()
    await service.go()

    assert fact.vmid == FIRST + 1
    assert site.machines() == {FIRST: stranger}


async def test_a_lock_timeout_is_waited_out(site: Site, service: Service):
    await site.break_(action="fail", task="qmclone|qmstart|qmconfig", text=LOCKED, count=3)
    await service.want()

    await service.go()

    assert (await only_ready(service)).vmid == FIRST
    assert any(LOCKED in line for line in await service.lines())


@pytest.mark.parametrize("status", [500, 502, 503, 595, 596, 599])
async def test_f20_refusals_by_the_dozen_do_not_break_a_deployment(
    site: Site, service: Service, status: int
):
    await site.break_(
        action="answer", path="/api2", status=status, reason="Broken pipe", probability=0.2, seed=7
    )
    await service.want()

    await service.go()

    assert (await only_ready(service)).vmid == FIRST
    assert list(site.machines()) == [FIRST]


async def test_warnings_do_not_fail_a_task(
    site: Site, service: Service, monkeypatch: pytest.MonkeyPatch
):
    conclude = site.lab.tasks._conclude

    def with_warning(task: Task, failure: str | None) -> None:
        task.warn("no CD-ROM here")
        conclude(task, failure)

    monkeypatch.setattr(site.lab.tasks, "_conclude", with_warning)
    await service.want()

    await service.go()

    assert (await only_ready(service)).vmid == FIRST
    assert any("no CD-ROM here" in line for line in await service.lines())


async def test_a_full_storage_fails_the_deployment_and_leaves_nothing(site: Site, service: Service):
    text = "clone failed: unable to create image: No space left on device"
    await site.break_(action="fail", task="qmclone", text=text)
    await service.want()
    await service.go()
    await service.refuse()
    await service.go()

    [failed] = await service.said(VMFailed)
    assert (failed.step, failed.reason) == ("clone", text)
    assert site.machines() == {}


async def test_a_clone_worker_that_was_killed_is_told_with_the_command_that_helps(
    site: Site, service: Service
):
    await site.break_(action="drop", method="POST", path="/clone$", count=1)
    await site.break_(action="fail", task="qmclone", text="unexpected status", count=1)
    half = Machine(vmid=FIRST, config={"lock": "clone"}, template="x")

    async def leave_half() -> None:
        while not site.tasks("qmclone"):
            await asyncio.sleep(0.01)
        task = next(site.lab.tasks.newest_first())
        task.lines.insert(0, f"creating a clone of VM 9000 with ID {FIRST}")
        site.lab.site.machines[FIRST] = half

    await service.want()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(leave_half())
        tasks.create_task(service.go())
    await service.refuse()
    await service.go()

    failed = await service.said(VMFailed)
    assert [fact.step for fact in failed] == ["clone"], "\n".join(await service.lines())
    [blocked] = await service.said(VMRemovalBlocked)
    assert f"qm unlock {FIRST} && qm destroy {FIRST}" in blocked.remedy


async def test_a_missing_privilege_is_named(site: Site, service: Service):
    site.lab.site.rules.roles["YardMachines"].remove("VM.PowerMgmt")
    await service.want()

    await service.go()

    [failed] = await service.said(VMFailed)
    assert failed.step == "start"
    assert f"VM.PowerMgmt on /vms/{FIRST}" in (failed.remedy or "")


async def test_a_removal_in_the_middle_of_a_clone_leaves_nothing(open_site: Opened):
    async with open_site(speed=0.1) as site, service_of(site.settings) as service:
        await service.want()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(service.go())
            while not site.machines():
                await asyncio.sleep(0.01)
            await service.refuse(operation_id="op_1")

        assert site.machines() == {}
        assert await service.said(VMReady) == []
        assert len(await service.said(VMDeleted)) == 1


async def test_many_at_once_share_nothing(site: Site, service: Service):
    servers = [f"srv_{number}" for number in range(12)]
    await asyncio.gather(*(service.want(server) for server in servers))

    await asyncio.gather(*(service.go(server) for server in servers))

    facts = await service.said(VMReady)
    assert len({fact.vmid for fact in facts}) == len({f.endpoint.address for f in facts}) == 12
    assert len(site.machines()) == 12


async def test_a_certificate_nobody_signed_ends_it_at_once(site: Site):
    settings = site.settings.model_copy(update={"proxmox_ca_file": None})
    async with service_of(settings) as service:
        await service.want()
        await service.go()

        [failed] = await service.said(VMFailed)
        assert "certificate" in failed.reason
