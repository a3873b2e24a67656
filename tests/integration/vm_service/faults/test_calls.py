"""Calls that are refused, lost or garbled on their way."""

import pytest

from common.contracts.events import VMDeleted, VMFailed, VMReady
from tests.integration.vm_service.conftest import Service, Site
from tests.integration.vm_service.faults.conftest import (
    FIRST,
    Trouble,
    Waits,
    slow,
    told,
    tries,
)

pytestmark = pytest.mark.integration

WRITES = "POST|PUT|DELETE"


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_f20_one_bad_answer_in_five_is_survived_or_told_and_cleaned(
    site: Site, service: Service, trouble: Trouble, seed: int
):
    weather = await trouble.make(preset="bad-weather", path="/api2", seed=seed)
    await service.want()
    await service.go()

    outcomes = [*await service.said(VMReady), *await service.said(VMFailed)]
    assert len(outcomes) == 1, await told(service)
    assert len(site.machines()) <= 1
    assert await trouble.hits(weather) > 0

    await service.refuse()
    await service.go()

    assert site.machines() == {}, await told(service)
    assert len(await service.said(VMDeleted)) == 1


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ("clone", "/clone$"),
        ("configure", "/config$"),
        ("resize", "/resize$"),
        ("start", "/status/start$"),
    ],
)
async def test_f20_a_call_that_is_always_refused_is_tried_five_times_then_failed_and_cleaned(
    site: Site, service: Service, trouble: Trouble, step: str, path: str
):
    fault = await trouble.make(preset="server-error", method=WRITES, path=path)
    await service.want()
    await service.go()

    [failed] = await service.said(VMFailed)
    assert (failed.step, failed.reason) == (step, "internal error"), await told(service)
    assert await tries(service, step) == await trouble.hits(fault) == 5

    await service.refuse()
    await service.go()

    assert site.machines() == {}
    assert len(await service.said(VMDeleted)) == 1


async def test_f20_a_silence_that_lasts_is_put_up_with_for_half_an_hour_then_failed_and_cleaned(
    site: Site, service: Service, trouble: Trouble, waits: Waits
):
    statuses = (502, 503, 595, 596, 599)
    await trouble.make(action="answer", statuses=statuses, method=WRITES, path="/api2")
    await service.want()
    await service.go()

    [failed] = await service.said(VMFailed)
    assert failed.step == "clone", await told(service)
    assert 1800 <= waits.seconds < 1900

    await service.refuse()
    await service.go()

    assert site.machines() == {}
    assert len(await service.said(VMDeleted)) == 1


@pytest.mark.parametrize("pve", ["8.4", "9.2"])
async def test_f21_a_clone_whose_answer_is_lost_is_found_by_its_config(
    site: Site, service: Service, trouble: Trouble
):
    await trouble.make(preset="answer-lost", path="/clone$", count=1)
    reads = await trouble.count(method="GET", path=rf"/qemu/{FIRST}/config$")
    await service.want()

    await service.go()

    [fact] = await service.said(VMReady)
    assert (fact.vmid, list(site.machines()), site.tasks("qmclone")) == (FIRST, [FIRST], 1)
    assert await trouble.hits(reads) > 0


@pytest.mark.parametrize("pve", ["8.4", "9.2"])
async def test_f22_a_lost_clone_that_still_runs_is_found_and_waited_for(
    site: Site, service: Service, trouble: Trouble, waits: Waits
):
    slow(site, waits)
    await trouble.make(preset="answer-lost", path="/clone$", count=1)
    stopped = await trouble.count(method="DELETE", path="/tasks/")
    asked = await trouble.count(method="GET", path="/tasks/UPID[^/]*qmclone[^/]*/status$")
    await service.want()

    await service.go()

    [fact] = await service.said(VMReady)
    assert (fact.vmid, list(site.machines()), site.tasks("qmclone")) == (FIRST, [FIRST], 1)
    assert await trouble.hits(asked) > 1, await told(service)
    assert await trouble.hits(stopped) == 0


@pytest.mark.parametrize("body", ["html", "truncated", "huge"])
async def test_f33_a_success_that_cannot_be_read_is_an_unknown_outcome_and_looked_into(
    site: Site, service: Service, trouble: Trouble, body: str
):
    writes = await trouble.make(preset=body, method=WRITES, path="/api2", after=1, count=3)
    reads = await trouble.make(preset=body, method="GET", path="/(config|status)$", count=3)
    await service.want()

    await service.go()

    [fact] = await service.said(VMReady)
    assert (fact.vmid, list(site.machines()), site.tasks("qmclone")) == (FIRST, [FIRST], 1)
    assert await trouble.hits(writes) == await trouble.hits(reads) == 3


@pytest.mark.parametrize("body", ["html", "truncated", "huge"])
async def test_f33_a_clone_whose_answer_cannot_be_read_is_not_made_twice(
    site: Site, service: Service, trouble: Trouble, body: str
):
    await trouble.make(preset=body, method="POST", path="/clone$", count=1)
    await service.want()

    await service.go()

    assert len(await service.said(VMReady)) == 1, await told(service)
    assert (list(site.machines()), site.tasks("qmclone")) == ([FIRST], 1)
