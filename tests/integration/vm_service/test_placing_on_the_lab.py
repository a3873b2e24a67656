"""Several nodes: VMs are spread over them, and the adapter tells what is where."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from common.contracts.events import VMFailed, VMReady
from tests.integration.vm_service.conftest import Opened, Service, Site, service_of
from vm_service.settings import Settings

pytestmark = pytest.mark.integration

FIRST = 900_000


def told(site: Site, **changes: Any) -> Settings:
    return site.settings.model_copy(update=changes)


async def bring_up(service: Service, count: int) -> Counter[str]:
    servers = [f"srv_{number}" for number in range(count)]
    for server in servers:
        await service.want(server)
    for server in servers:
        await service.go(server)
    return Counter(fact.node for fact in await service.said(VMReady))


async def test_vms_are_spread_over_the_nodes(open_site: Opened):
    async with open_site(nodes=3) as site, service_of(site.settings) as service:
        nodes = await bring_up(service, 6)

        assert sum(nodes.values()) == 6, "\n".join(await service.lines())
        assert set(nodes) == set(site.lab.site.nodes)
        assert {m.node for m in site.machines().values()} == set(nodes)


async def test_a_drained_node_gets_none(open_site: Opened):
    async with open_site(nodes=3) as site:
        first, *others = sorted(site.lab.site.nodes)
        async with service_of(told(site, proxmox_drained=(first,))) as service:
            nodes = await bring_up(service, 4)

        assert set(nodes) == set(others)


async def test_only_the_nodes_that_are_named_are_used(open_site: Opened):
    async with open_site(nodes=3) as site:
        last = max(site.lab.site.nodes)
        async with service_of(told(site, proxmox_node=(last,))) as service:
            assert await bring_up(service, 2) == {last: 2}


async def test_a_full_clone_has_a_disk_of_its_own(open_site: Opened):
    async with (
        open_site() as site,
        service_of(told(site, proxmox_full_clone=True)) as service,
    ):
        await bring_up(service, 1)

        [machine] = site.machines().values()
        assert all(volume.parent is None for volume in machine.volumes.values())


async def test_where_nothing_fits_every_node_is_named_with_its_reason(open_site: Opened):
    async with open_site(nodes=2) as site:
        names = tuple(sorted(site.lab.site.nodes))
        async with service_of(told(site, proxmox_drained=names)) as service:
            await bring_up(service, 1)

            [failed] = await service.said(VMFailed)
            assert failed.step == "reserve"
            assert all(f"{name}: drained" in failed.reason for name in names)


async def test_what_the_cluster_holds_is_listed(site: Site, service: Service):
    await bring_up(service, 1)

    listed = {vm.vmid: vm for vm in await service.hypervisor.inventory()}

    assert listed[9000].template
    assert (listed[FIRST].node, listed[FIRST].pool) == ("pve", "spawnyard")


async def test_the_address_at_which_proxmox_answers_is_never_a_guests(site: Site, service: Service):
    assert "127.0.0.1" in await service.hypervisor.host_addresses()


async def test_the_switches_do_what_they_say(site: Site, service: Service):
    await bring_up(service, 1)
    proxmox = service.hypervisor

    async def ended(upid: str) -> None:
        while (state := await proxmox.task(upid)).running:
            await asyncio.sleep(0.02)
        assert state.failed is None

    assert (await proxmox.power("pve", FIRST)).running
    await ended(await proxmox.reset("pve", FIRST))
    await ended(await proxmox.shutdown("pve", FIRST, timeout=60))
    assert not (await proxmox.power("pve", FIRST)).running
    await ended(await proxmox.start("pve", FIRST))
    await ended(await proxmox.stop("pve", FIRST))
    assert not (await proxmox.power("pve", FIRST)).running
