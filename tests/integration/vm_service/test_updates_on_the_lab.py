"""An update on a Proxmox that speaks HTTPS, on both of its majors: forth, back and let go."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from common.contracts.base import now
from common.contracts.events import (
    ChangeRequested,
    RollbackRequested,
    SnapshotReleased,
    VMFailed,
    VMReady,
)
from tests.fakes.vm_service import SPEC
from tests.integration.vm_service.conftest import Service, Site, on_both, service_of

pytestmark = [pytest.mark.integration, on_both]

FIRST = 900_000
NAME = "yard-op_2"
WORLD = "/srv/world"


@pytest.fixture
async def service(site: Site) -> AsyncIterator[Service]:
    """Return a service whose one server runs, and has a world."""
    async with service_of(site.settings) as service:
        await service.want()
        await service.go()
        site.guests.made[FIRST].files[WORLD] = b"old"
        yield service


async def update(service: Service) -> None:
    await service.hear(
        ChangeRequested(
            server_id="srv_1",
            operation_id="op_2",
            kind="update",
            spec=SPEC,
            deadline=now() + timedelta(minutes=2),
        )
    )
    await service.go()


async def told(service: Service) -> str:
    return "\n".join(await service.lines())


async def test_a_machine_goes_back_to_what_it_was(site: Site, service: Service):
    await update(service)
    snapshot = site.machines()[FIRST].snapshots[NAME]
    site.guests.made[FIRST].files[WORLD] = b"spoiled"

    rollback = RollbackRequested(
        server_id="srv_1",
        operation_id="op_2",
        spec=SPEC,
        deadline=now() + timedelta(minutes=2),
    )
    await service.hear(rollback)
    await service.go()

    kinds = [fact.kind for fact in await service.said(VMReady)]
    assert kinds == ["deploy", "update", "rollback"], await told(service)
    assert snapshot.description.startswith("spawnyard:")
    assert site.guests.made[FIRST].files[WORLD] == b"old"
    assert site.guests.made[FIRST].running
    assert site.machines()[FIRST].config["onboot"] == "1"


async def test_the_snapshot_is_let_go(site: Site, service: Service):
    await update(service)
    lines = await service.lines()

    await service.hear(SnapshotReleased(server_id="srv_1", operation_id="op_2"))
    await service.go()

    assert not site.machines()[FIRST].snapshots
    assert site.guests.made[FIRST].running
    assert await service.lines() == lines


async def test_a_disk_without_snapshots_refuses_the_update(site: Site, service: Service):
    for volume in site.machines()[FIRST].volumes.values():
        volume.format = "raw"

    await update(service)

    (failed,) = await service.said(VMFailed)
    assert (failed.step, failed.power) == ("snapshot", "running")
    assert "LVM-thin" in (failed.remedy or "")


async def test_without_the_right_to_snapshots_the_grant_is_told(site: Site, service: Service):
    site.lab.site.rules.roles["YardMachines"].remove("VM.Snapshot")

    await update(service)

    (failed,) = await service.said(VMFailed)
    assert "grant VM.Snapshot" in (failed.remedy or "")
