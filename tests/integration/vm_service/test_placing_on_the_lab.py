"""Several nodes: VMs are spread over them, and the adapter tells what is where."""

import asyncio
from collections import Counter
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import pytest

from common.contracts.events import VMFailed, VMReady
from common.contracts.hypervisor import Network
from tests.fakes import root_shell
from tests.fakes.vm_service import SPEC
from tests.integration.vm_service.conftest import Opened, Service, Site, service_of
from vm_service.domain.settings_in_force import InForce
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


async def test_vms_asked_for_at_once_are_spread_too(open_site: Opened):
    async with open_site(nodes=3) as site, service_of(site.settings) as service:
        servers = [f"srv_{number}" for number in range(6)]
        for server in servers:
            await service.want(server)
        await asyncio.gather(*(service.go(server) for server in servers))

        nodes = Counter(fact.node for fact in await service.said(VMReady))
        assert sorted(nodes.values()) == [2, 2, 2], "\n".join(await service.lines())


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


def let_see_memory(site: Site) -> None:
    """Have figures of memory told, which our role does not show by default."""
    root_shell.run(site.lab.site, "pveum role add YardNode --privs Sys.Audit")
    who = "--users spawnyard@pve --tokens 'spawnyard@pve!yard'"
    root_shell.run(site.lab.site, f"pveum acl modify /nodes --roles YardNode {who}")


async def test_no_node_is_promised_more_memory_than_it_has(open_site: Opened):
    plan, servers = SPEC.plan.memory_mib << 20, [f"srv_{number}" for number in range(12)]
    async with open_site(nodes=2) as site, service_of(site.settings) as service:
        let_see_memory(site)
        for host in site.lab.site.nodes.values():
            host.memory = 8 << 30  # half a GiB of it is the host's own
        for server in servers:
            await service.want(server)
        await asyncio.gather(*(service.go(server) for server in servers))

        nodes = Counter(fact.node for fact in await service.said(VMReady))
        assert set(nodes) == set(site.lab.site.nodes)
        assert max(nodes.values()) <= (8 << 30) // plan - 1
        failed = await service.said(VMFailed)
        assert len(failed) == len(servers) - nodes.total()
        for fact in failed:
            assert fact.step == "reserve"
            assert all(f"{name}: " in fact.reason for name in nodes)
            assert "2.0 GiB needed" in fact.reason


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


async def test_by_dhcp_the_guests_own_word_is_its_address(open_site: Opened):
    async with open_site() as site, service_of(told(site, address_mode="dhcp")) as service:
        await bring_up(service, 1)

        [fact] = await service.said(VMReady)
        assert fact.endpoint.address == "10.77.9.9"
        assert site.machines()[FIRST].config["ipconfig0"] == "ip=dhcp"


@pytest.mark.parametrize("pve", ["8.4", "9.2"])
async def test_a_vlan_and_both_kinds_of_addresses_are_taken_by_proxmox(open_site: Opened, pve: str):
    network = Network(
        name="games",
        vlan=42,
        subnet=IPv4Network("10.8.0.0/24"),
        gateway=IPv4Address("10.8.0.1"),
        first=IPv4Address("10.8.0.100"),
        subnet6=IPv6Network("fd00:8::/64"),
        gateway6=IPv6Address("fd00:8::1"),
        nameservers=(IPv4Address("9.9.9.9"), IPv6Address("2620:fe::fe")),
        search_domain="games.example.org",
    )
    async with open_site(pve=pve) as site, service_of(site.settings) as service:
        settings = service.hypervisor.in_force.settings
        assert settings is not None
        changed = settings.model_copy(update={"networks": (network,)})
        service.hypervisor.use(InForce(source="environment", settings=changed))
        await bring_up(service, 1)

        config = site.machines()[FIRST].config
        assert config["ipconfig0"] == "ip=10.8.0.100/24,gw=10.8.0.1,ip6=fd00:8::2/64,gw6=fd00:8::1"
        assert config["net0"].startswith("virtio=")
        assert "tag=42" in config["net0"].split(",")
        assert config["nameserver"] == "9.9.9.9 2620:fe::fe"
        assert config["searchdomain"] == "games.example.org"
        [fact] = await service.said(VMReady)
        assert fact.endpoint.address == "10.8.0.100"
