"""A template baked on a Proxmox that speaks HTTPS, on both of its majors: made, used, let go."""

from collections.abc import AsyncIterator

import pytest

from common.contracts.events import GuestSealed, VMDeleted, VMRemovalBlocked, VMTemplated
from tests.fakes.vm_service import SPEC
from tests.integration.vm_service.conftest import Service, Site, on_both, service_of

pytestmark = [pytest.mark.integration, on_both]

BAKE = SPEC.model_copy(update={"purpose": "template", "recipe": "abc", "ports": ()})
GAME = SPEC.model_copy(update={"recipe": "abc"})


@pytest.fixture
async def service(site: Site) -> AsyncIterator[Service]:
    """Return a service that has baked a template."""
    async with service_of(site.settings) as service:
        await service.want("srv_0", "op_0", spec=BAKE)
        await service.go("srv_0")
        await service.hear(GuestSealed(server_id="srv_0", operation_id="op_0"))
        await service.go("srv_0")
        yield service


async def test_a_template_is_baked_and_cloned_from(service: Service):
    [template] = await service.said(VMTemplated)
    await service.want("srv_1", "op_1", spec=GAME)
    await service.go("srv_1")

    async with service.work() as tx:
        server = await tx.machines.get("srv_1")
        clones = await tx.machines.cloned_from(template.vmid)
    sighting = await service.hypervisor.look(template.node, template.vmid)
    assert sighting is not None
    assert sighting.template
    assert server.home is not None
    assert server.home.template == template.vmid
    assert list(clones) == ["srv_1"]


async def test_a_template_in_use_stays_until_its_clones_are_gone(service: Service):
    await service.want("srv_1", "op_1", spec=GAME)
    await service.go("srv_1")

    await service.refuse("srv_0", "op_2")
    await service.go("srv_0")
    [blocked] = await service.said(VMRemovalBlocked)
    await service.refuse("srv_1", "op_3")
    await service.go("srv_1")
    await service.refuse("srv_0", "op_4")
    await service.go("srv_0")

    assert "still in use by linked" in blocked.reason
    gone = await service.said(VMDeleted)
    assert {fact.server_id for fact in gone} == {"srv_0", "srv_1"}
