"""Guests that tell nothing of themselves, or lies."""

from collections.abc import AsyncIterator
from ipaddress import IPv4Network

import pytest

from common.contracts.events import VMDeleted, VMFailed, VMReady
from tests.connections import recorded
from tests.integration.vm_service.conftest import Service, Site, service_of
from tests.integration.vm_service.faults.conftest import (
    FIRST,
    Trouble,
    Waits,
    hurried,
    told,
)

pytestmark = pytest.mark.integration

GUEST_PATIENCE = 600.0
LONGEST = 900.0
NODE = "10.77.0.1"
OTHER = "10.77.0.66"
LIES = ["127.0.0.1", "169.254.169.254", NODE, OTHER]


async def gone_without_a_trace(site: Site, service: Service) -> None:
    """Do what the gateway asks for after a failure."""
    await service.refuse(operation_id="op_1")
    await service.go()
    assert FIRST not in site.machines()
    assert len(await service.said(VMDeleted)) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"preset": "agent-silent"}, "QEMU guest agent is not running"),
        ({"preset": "forbidden-address", "address": "fe80::1"}, "does not have its address"),
    ],
    ids=["agent-silent", "no-address"],
)
async def test_f35_a_guest_that_does_not_introduce_itself_fails_with_its_own_reason_and_is_cleaned(
    site: Site,
    service: Service,
    trouble: Trouble,
    waits: Waits,
    fault: dict[str, str],
    reason: str,
):
    await trouble.make(**fault)
    await service.want()
    await service.go()

    [failed] = await service.said(VMFailed)
    assert failed.step == "address", await told(service)
    assert reason in failed.reason
    assert "console" in (failed.remedy or "")
    assert GUEST_PATIENCE <= waits.seconds < LONGEST
    await gone_without_a_trace(site, service)


@pytest.fixture
async def by_dhcp(site: Site, waits: Waits) -> AsyncIterator[Service]:
    """A service that has to take a guest's word for its address."""
    network = {"address_mode": "dhcp", "address_pool": IPv4Network("10.77.0.0/16")}
    async with service_of(site.settings.model_copy(update=network)) as service:
        yield hurried(service, waits)


async def tell_lies(site: Site, service: Service, trouble: Trouble, lie: str) -> None:
    """Deploy a server beside another one; its guest claims an address that is not its own."""
    await trouble.make(preset="forbidden-address", address=OTHER, machine=FIRST)
    await service.want("srv_0")
    await service.go("srv_0")
    await trouble.make(preset="forbidden-address", address=lie, machine=FIRST + 1)
    with recorded() as connections:
        await service.want()
        await service.go()

    assert site.settings.proxmox_url is not None
    assert set(connections) == {("127.0.0.1", site.settings.proxmox_url.port)}


@pytest.mark.parametrize("lie", LIES)
async def test_f36_by_dhcp_a_guests_lie_is_not_believed_and_nobody_connects_to_it(
    site: Site, by_dhcp: Service, trouble: Trouble, lie: str
):
    await tell_lies(site, by_dhcp, trouble, lie)

    [fact] = await by_dhcp.said(VMReady)
    assert (fact.server_id, fact.endpoint.address) == ("srv_0", OTHER), await told(by_dhcp)
    [failed] = await by_dhcp.said(VMFailed)
    assert failed.step == "address"
    assert "tells no address that can be its own" in failed.reason


@pytest.mark.parametrize("lie", LIES)
async def test_f36_a_guest_that_was_given_an_address_is_believed_no_other(
    site: Site, service: Service, trouble: Trouble, lie: str
):
    await trouble.make(preset="forbidden-address", address=lie)
    with recorded() as connections:
        await service.want()
        await service.go()

    assert site.settings.proxmox_url is not None
    assert set(connections) == {("127.0.0.1", site.settings.proxmox_url.port)}
    assert await service.said(VMReady) == []
    [failed] = await service.said(VMFailed)
    assert (failed.step, "does not have its address" in failed.reason) == ("address", True)
    await gone_without_a_trace(site, service)
