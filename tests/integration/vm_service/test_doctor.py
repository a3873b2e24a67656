"""The doctor in front of a lab: all well, then each thing broken in turn."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from common.contracts.hypervisor import Diagnosis, HypervisorSettings
from tests.integration.vm_service.conftest import Opened, Site
from vm_service.adapters.proxmox.doctor import examine
from vm_service.domain.doctor.chart import Holdings

pytestmark = pytest.mark.integration


@pytest.fixture
def database_url() -> str:
    return "sqlite+aiosqlite://"  # nothing is kept here


@pytest.fixture(params=["8.4", "9.2"])
async def site(open_site: Opened, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with open_site(pve=request.param) as opened:
        yield opened


def told(site: Site, **changed: Any) -> HypervisorSettings:
    settings = site.settings.hypervisor()
    assert settings is not None
    ca_file = site.settings.proxmox_ca_file
    assert ca_file is not None
    fields = settings.model_dump() | {"ca_pem": ca_file.read_text()}
    return HypervisorSettings.model_validate(fields | changed)


async def look(site: Site, **changed: Any) -> Diagnosis:
    return await examine(told(site, **changed), Holdings())


async def test_a_fresh_site_is_healthy(site: Site):
    found = await look(site)

    assert [f for f in found.findings if f.level != "ok"] == []
    assert found.version == site.lab.release.version
