"""A certificate of Proxmox's that changes in the middle of the work.

That nothing is ever said to whoever shows the other one is shown in ``test_tls``.
"""

from collections.abc import AsyncIterator

import pytest

from common.contracts.events import VMDeleted, VMFailed, VMReady, VMRemovalBlocked
from tests.integration.vm_service.answering import fingerprint_in
from tests.integration.vm_service.conftest import Service, Site, service_of
from tests.integration.vm_service.faults.conftest import (
    FIRST,
    Sweeps,
    Trouble,
    Waits,
    hurried,
    told,
    tries,
)

pytestmark = pytest.mark.integration

CHANGED = {"method": "POST", "path": "/clone$", "count": 1}
# An answer that is under way while the certificate changes still comes: the next question meets it.
MEETS_IT = ("clone", "configure")


@pytest.fixture
async def pinning(site: Site, waits: Waits) -> AsyncIterator[Service]:
    """A service that knows Proxmox by one certificate, not by a CA."""
    ca_file = site.settings.proxmox_ca_file
    assert ca_file is not None
    pin = fingerprint_in(ca_file.parent / "cert.pem")
    trust = {"proxmox_ca_file": None, "proxmox_fingerprint": pin}
    async with service_of(site.settings.model_copy(update=trust)) as service:
        yield hurried(service, waits)


async def test_f32_a_pinned_certificate_that_changes_ends_the_work_with_a_clear_error(
    site: Site, pinning: Service, trouble: Trouble
):
    await trouble.make(preset="certificate-changes", **CHANGED)
    await pinning.want()
    await pinning.go()
    await pinning.refuse()
    await pinning.go()

    [failed] = await pinning.said(VMFailed)
    assert failed.step in MEETS_IT, await told(pinning)
    assert await tries(pinning, failed.step) == 1
    assert "another certificate than the one that is pinned" in failed.reason
    assert "fingerprint" in (failed.remedy or "")
    [blocked] = await pinning.said(VMRemovalBlocked)
    assert blocked.reason == failed.reason
    assert list(site.machines()) == [FIRST]

    await trouble.end()
    await Sweeps(pinning).sweep(hours=1)
    await pinning.go()

    assert site.machines() == {}
    assert len(await pinning.said(VMDeleted)) == 1


async def test_f32_a_certificate_of_another_authority_ends_the_work_with_a_clear_error(
    service: Service, trouble: Trouble
):
    await trouble.make(preset="authority-changes", **CHANGED)
    await service.want()

    await service.go()

    [failed] = await service.said(VMFailed)
    assert failed.step in MEETS_IT, await told(service)
    assert await tries(service, failed.step) == 1
    assert "certificate is not trusted" in failed.reason
    assert failed.remedy


async def test_f32_a_renewed_certificate_of_the_same_authority_disturbs_nothing(
    site: Site, service: Service, trouble: Trouble
):
    await trouble.make(preset="certificate-changes", **CHANGED)
    await service.want()

    await service.go()

    assert len(await service.said(VMReady)) == 1, await told(service)
    assert (list(site.machines()), site.tasks("qmclone")) == ([FIRST], 1)
