"""A database that was put back to an older state: it knows nothing of VMs that are there."""

import logging
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from common.contracts.events import VMReady
from tests.fakes.sweeper import verdicts
from tests.integration.vm_service.conftest import Service, Site, service_of
from tests.integration.vm_service.faults.conftest import FIRST, Sweeps, Waits, hurried
from vm_service.handlers.sweeper import sweep_by_the_clock

pytestmark = pytest.mark.integration

CAP = 5


@asynccontextmanager
async def running(site: Site, waits: Waits) -> AsyncGenerator[Service]:
    settings = site.settings.model_copy(update={"install_id": "yard-test"})
    async with service_of(settings) as service:
        yield hurried(service, waits)


async def forgotten(site: Site, waits: Waits, *, database: Path, servers: int) -> None:
    """Deploy servers, then put the database back to what it was before."""
    async with running(site, waits):
        pass
    backup = database.with_suffix(".backup")
    shutil.copy(database, backup)
    async with running(site, waits) as service:
        for number in range(servers):
            await service.want(f"srv_{number}")
            await service.go(f"srv_{number}")
        assert len(await service.said(VMReady)) == servers
    for left in (f"{database}-wal", f"{database}-shm"):
        Path(left).unlink(missing_ok=True)
    shutil.copy(backup, database)


@pytest.fixture
def database(database_url: str) -> Path:
    return Path(database_url.partition(":///")[2])


async def test_f34_more_vms_than_the_cap_are_all_left_and_an_alarm_is_raised(
    site: Site, waits: Waits, database: Path, caplog: pytest.LogCaptureFixture
):
    await forgotten(site, waits, database=database, servers=CAP + 1)
    before = {vmid: machine.model_dump_json() for vmid, machine in site.machines().items()}
    async with running(site, waits) as service:
        sweeps = Sweeps(service)
        await sweeps.sweep()
        with caplog.at_level(logging.ERROR):
            report = await sweeps.sweep(hours=1)
        await sweep_by_the_clock(work=service.work, tools=sweeps.tools)

    assert report.halted
    assert set(verdicts(report).values()) == {"to_delete"}
    assert "more orphans than may be removed at once" in caplog.text
    assert REGISTRY.get_sample_value("spawnyard_sweep_halted") == 1
    now = {vmid: machine.model_dump_json() for vmid, machine in site.machines().items()}
    assert now == before


async def test_f34_up_to_the_cap_what_is_provably_ours_goes_and_nothing_foreign(
    site: Site, waits: Waits, database: Path
):
    await forgotten(site, waits, database=database, servers=CAP)
    foreign, copied = site.machines()[FIRST], site.machines()[FIRST + 1]
    foreign.config["description"] = "our database"
    copied.config["description"] = copied.config["description"].replace("yard-test", "yard-other")
    async with running(site, waits) as service:
        sweeps = Sweeps(service)
        await sweeps.sweep()
        report = await sweeps.sweep(hours=1)

    assert not report.halted
    assert sorted(site.machines()) == [FIRST, FIRST + 1]
    assert [verdicts(report)[vmid] for vmid in (FIRST, FIRST + 1)] == ["foreign_vm"] * 2
