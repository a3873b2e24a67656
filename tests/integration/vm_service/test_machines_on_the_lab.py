"""Machines come and go on a Proxmox that speaks HTTPS, whatever it does to the calls."""

import asyncio
from urllib.parse import unquote

import pytest

from common.contracts.events import VMDeleted, VMFailed, VMReady
from proxmox_lab.site.things import Machine
from tests.integration.vm_service.conftest import SSH_KEY, Opened, Service, Site, service_of

pytestmark = pytest.mark.integration

FIRST = 900_000


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


@pytest.mark.parametrize("status", [500, 502, 503, 595, 596, 599])
async def test_f20_refusals_by_the_dozen_do_not_break_a_deployment(
    site: Site, service: Service, status: int
):
    # What is asked again and again is left out, or the machine's speed would throw the dice.
    path = "/api2/(?!.*/(tasks|agent)/)"
    await site.break_(
        action="answer", path=path, status=status, reason="Broken pipe", probability=0.3, seed=9
    )
    await service.want()

    await service.go()

    assert (await only_ready(service)).vmid == FIRST
    assert list(site.machines()) == [FIRST]


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
