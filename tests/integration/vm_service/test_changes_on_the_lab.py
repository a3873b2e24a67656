"""Machines that live are changed on a Proxmox that speaks HTTPS, on both of its majors."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from common.contracts.base import now
from common.contracts.events import (
    CancelRequested,
    ChangeRequested,
    VMDeleted,
    VMFailed,
    VMObserved,
    VMReady,
    VMStopped,
)
from common.contracts.requests import Change
from common.contracts.servers import ServerSpec
from tests.fakes.guests import FakeGuest
from tests.fakes.vm_service import SPEC
from tests.integration.vm_service.conftest import Service, Site, on_both, service_of

pytestmark = [pytest.mark.integration, on_both]

FIRST = 900_000
BIGGER = SPEC.model_copy(
    update={
        "name": "renamed",
        "plan": SPEC.plan.model_copy(update={"cores": 4, "memory_mib": 4096, "disk_gib": 16}),
    }
)


async def ask(
    service: Service,
    kind: Change,
    *,
    operation: str = "op_2",
    spec: ServerSpec = SPEC,
    force: bool = False,
    minutes: int = 2,
) -> None:
    await service.hear(
        ChangeRequested(
            server_id="srv_1",
            operation_id=operation,
            kind=kind,
            spec=spec,
            deadline=now() + timedelta(minutes=minutes),
            force=force,
        )
    )


@pytest.fixture
async def service(site: Site) -> AsyncIterator[Service]:
    """Return a service whose one server runs, and whose guests have three seconds to obey."""
    async with service_of(site.settings) as service:
        service.tools = replace(service.tools, grace=3.0)
        await service.want()
        await service.go()
        yield service


def guest(site: Site) -> FakeGuest:
    return site.guests.made[FIRST]


async def told(service: Service) -> str:
    return "\n".join(await service.lines())


async def test_a_machine_is_stopped_and_started_again(site: Site, service: Service):
    await ask(service, "stop")
    await service.go()

    assert not guest(site).running, await told(service)
    assert [fact.vmid for fact in await service.said(VMStopped)] == [FIRST]
    assert site.machines()[FIRST].config["onboot"] == "0"

    await ask(service, "start", operation="op_3")
    await service.go()

    assert guest(site).running
    assert site.machines()[FIRST].config["onboot"] == "1"
    assert [f.kind for f in await service.said(VMReady)] == ["deploy", "start"], await told(service)


async def test_a_guest_that_ignores_the_button_is_switched_off(site: Site, service: Service):
    guest(site).deaf = True
    await ask(service, "stop")

    await service.go()

    assert not guest(site).running
    assert len(await service.said(VMStopped)) == 1
    assert "cutting its power" in await told(service)


async def test_a_kill_does_not_wait_for_a_shutdown_that_hangs(site: Site, service: Service):
    # The lab's clock runs twenty times as fast as ours: the guest has 90 seconds to obey.
    service.tools = replace(service.tools, grace=1800.0)
    guest(site).deaf = True
    await ask(service, "stop", minutes=60)
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(service.go())
        while not site.tasks("qmshutdown"):
            await asyncio.sleep(0.01)
        await ask(service, "kill", operation="op_3")
        async with asyncio.timeout(60):
            await work

    assert [f.operation_id for f in await service.said(VMStopped)] == ["op_3"]
    assert not guest(site).running


@pytest.mark.parametrize("force", [False, True])
async def test_a_machine_is_restarted(site: Site, service: Service, force: bool):
    await ask(service, "restart", force=force)

    await service.go()

    assert guest(site).running
    assert site.tasks("qmreset" if force else "qmreboot") == 1
    assert [f.kind for f in await service.said(VMReady)] == ["deploy", "restart"]


async def test_a_guest_that_ignores_the_button_is_switched_off_and_on(site: Site, service: Service):
    guest(site).deaf = True
    starts = guest(site).starts
    await ask(service, "restart")

    await service.go()

    assert guest(site).starts == starts + 1, await told(service)
    assert [f.kind for f in await service.said(VMReady)] == ["deploy", "restart"]


async def test_a_running_machine_grows_by_a_restart(site: Site, service: Service):
    await ask(service, "resize", spec=BIGGER)

    await service.go()

    [_, fact] = await service.said(VMReady)
    assert (fact.kind, fact.spec) == ("resize", BIGGER), await told(service)
    config = site.machines()[FIRST].config
    assert (config["cores"], config["memory"], config["name"]) == ("4", "4096", "renamed")
    assert "size=16G" in config["scsi0"]
    assert config["description"].splitlines()[0] == "spawnyard:spawnyard:srv_1:op_1"
    assert guest(site).config.cores == 4
    assert site.tasks("qmreboot") == 1


async def test_a_machine_that_is_off_grows_and_stays_off(site: Site, service: Service):
    await ask(service, "kill")
    await service.go()
    await ask(service, "resize", operation="op_3", spec=BIGGER)

    await service.go()

    assert [f.operation_id for f in await service.said(VMStopped)] == ["op_2", "op_3"]
    assert not guest(site).running
    assert "size=16G" in site.machines()[FIRST].config["scsi0"]


async def test_a_machine_is_renamed_while_it_runs(site: Site, service: Service):
    await ask(service, "reconfigure", spec=SPEC.model_copy(update={"name": "renamed"}))

    await service.go()

    assert site.machines()[FIRST].config["name"] == "renamed"
    assert site.tasks("qmreboot") == 0
    assert [f.kind for f in await service.said(VMReady)] == ["deploy", "reconfigure"]


@pytest.mark.parametrize("path", ["/status/", "/config$", "/resize$", "/pending$", "/tasks/"])
async def test_an_answer_lost_anywhere_is_made_up_for(site: Site, service: Service, path: str):
    await site.break_(action="drop", path=path, count=2)
    await ask(service, "resize", spec=BIGGER)

    await service.go()

    assert [f.kind for f in await service.said(VMReady)] == ["deploy", "resize"], await told(
        service
    )
    assert guest(site).config.cores == 4


async def test_a_stop_that_is_called_off_leaves_the_machine_running(site: Site, service: Service):
    # The lab's clock runs twenty times as fast as ours, and so does the guest's time to obey.
    service.tools = replace(service.tools, grace=1800.0)
    guest(site).deaf = True
    await ask(service, "stop", minutes=60)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(service.go())
        while not site.tasks("qmshutdown"):
            await asyncio.sleep(0.01)
        await service.hear(CancelRequested(server_id="srv_1", operation_id="op_2"))

    assert [f.power for f in await service.said(VMObserved)] == ["running"]
    assert guest(site).running


@pytest.mark.parametrize("kind", ["start", "stop", "restart", "kill", "resize", "reconfigure"])
async def test_a_machine_that_somebody_unmarked_is_not_touched(
    site: Site, service: Service, kind: Change
):
    site.machines()[FIRST].config["description"] = "edited by an admin"
    await ask(service, kind, spec=BIGGER)

    await service.go()

    [failed] = await service.said(VMFailed)
    assert "put 'spawnyard:spawnyard:srv_1:op_1'" in (failed.remedy or "")
    assert guest(site).running
    assert site.machines()[FIRST].config["cores"] == "2"


async def test_a_machine_that_is_gone_is_a_failure_with_its_own_remedy(
    site: Site, service: Service
):
    del site.lab.site.machines[FIRST]
    await ask(service, "restart")
    await service.go()
    await service.refuse(operation_id="op_3")
    await service.go()

    [failed] = await service.said(VMFailed)
    assert failed.reason == f"VM {FIRST} is gone: somebody has removed it"
    assert [fact.operation_id for fact in await service.said(VMDeleted)] == ["op_3"]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "fault",
    [
        {"action": "answer", "status": 596, "reason": "Broken pipe"},
        {"action": "answer", "status": 500, "reason": "got timeout"},
        {"action": "drop"},
    ],
)
async def test_a_life_of_changes_survives_one_fault_in_six(
    site: Site, service: Service, fault: dict[str, object]
):
    await site.break_(path="/api2", probability=0.16, seed=11, **fault)
    life: list[Change] = ["stop", "start", "restart", "resize", "kill", "start", "reconfigure"]

    for number, kind in enumerate(life, start=2):
        spec = BIGGER if number > 4 else SPEC
        # Hang guards both: bad luck costs minutes of pauses.
        await ask(service, kind, operation=f"op_{number}", spec=spec, minutes=10)
        await service.go(within=600)

    assert await service.said(VMFailed) == [], await told(service)
    kinds = [f.kind for f in await service.said(VMReady)]
    assert kinds == ["deploy", "start", "restart", "resize", "start", "reconfigure"]
    assert len(await service.said(VMStopped)) == 2
    assert list(site.machines()) == [FIRST]
    assert guest(site).config.cores == 4
