"""A token that is revoked, or may not do something, in the middle of the work."""

import pytest

from common.contracts.events import VMDeleted, VMFailed, VMReady, VMRemovalBlocked
from tests.integration.vm_service.conftest import Service, Site
from tests.integration.vm_service.faults.conftest import FIRST, Sweeps, Trouble, told, tries

pytestmark = pytest.mark.integration

REVOKED = "Proxmox refused our token"
CHECK = "token_secret"


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ("clone", "/clone$"),
        ("configure", "/config$"),
        ("resize", "/resize$"),
        ("start", "/status/start$"),
        ("address", "/agent/"),
    ],
)
async def test_f28_a_token_that_is_refused_on_the_way_is_tried_twice_and_told(
    service: Service, trouble: Trouble, step: str, path: str
):
    fault = await trouble.make(preset="token-revoked", method="POST|PUT", path=path)
    await service.want()
    await service.go()

    [failed] = await service.said(VMFailed)
    assert (failed.step, await tries(service, step)) == (step, 2), await told(service)
    assert failed.reason.startswith(REVOKED)
    assert CHECK in (failed.remedy or "")
    assert await trouble.hits(fault) <= 4


async def test_f28_a_removal_is_blocked_while_the_token_is_refused_and_goes_on_when_it_works_again(
    site: Site, service: Service, trouble: Trouble, sweeps: Sweeps
):
    await service.want()
    await service.go()
    fault = await trouble.make(preset="token-revoked", path="/api2")
    await service.refuse()
    await service.go()

    [blocked] = await service.said(VMRemovalBlocked)
    assert blocked.reason.startswith(REVOKED), await told(service)
    assert CHECK in blocked.remedy
    assert await tries(service, "stop") == 2
    assert await trouble.hits(fault) <= 4
    assert list(site.machines()) == [FIRST]

    await trouble.end()
    await sweeps.sweep(hours=1)
    await service.go()

    assert site.machines() == {}
    [gone] = await service.said(VMDeleted)
    assert gone.operation_id == "op_2"


@pytest.mark.parametrize(
    ("privilege", "step", "path"),
    [
        ("VM.Clone", "clone", "/vms/9000"),
        ("VM.Config.CPU", "configure", f"/vms/{FIRST}"),
        ("VM.Config.Disk", "resize", f"/vms/{FIRST}"),
        ("VM.PowerMgmt", "start", f"/vms/{FIRST}"),
    ],
)
async def test_f28_a_privilege_that_is_missing_is_tried_twice_and_named_with_its_path(
    service: Service, trouble: Trouble, privilege: str, step: str, path: str
):
    await trouble.make(preset="privilege-missing", privilege=privilege)
    await service.want()
    await service.go()

    [failed] = await service.said(VMFailed)
    assert (failed.step, await tries(service, step)) == (step, 2), await told(service)
    assert f"grant {privilege} on {path}" in (failed.remedy or "")
    assert await service.said(VMReady) == []


async def test_f28_a_removal_that_may_not_be_done_names_the_privilege_and_goes_on_when_granted(
    site: Site, service: Service, trouble: Trouble, sweeps: Sweeps
):
    await service.want()
    await service.go()
    await trouble.make(preset="privilege-missing", privilege="VM.Allocate")
    await service.refuse()
    await service.go()

    [blocked] = await service.said(VMRemovalBlocked)
    assert f"grant VM.Allocate on /vms/{FIRST}" in blocked.remedy, await told(service)
    assert await tries(service, "destroy") == 2

    await trouble.end()
    await sweeps.sweep(hours=1)
    await service.go()

    assert site.machines() == {}
    assert len(await service.said(VMDeleted)) == 1
