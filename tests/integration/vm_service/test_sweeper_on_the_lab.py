"""The sweeper on a Proxmox that speaks HTTPS: orphans go, and no decoy is touched."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.contracts.events import RemovalRequested, VMDeleted, VMRemovalBlocked
from common.contracts.orphans import SweepReport, SweepWish
from proxmox_lab.site.people import AclEntry
from proxmox_lab.site.seed import CLIENT, OWNER, POOL
from proxmox_lab.site.things import Machine
from tests.fakes.sweeper import machine, mark, verdicts
from tests.integration.vm_service.conftest import Opened, Service, Site, service_of
from vm_service.adapters.sweep_sql import SqlLedger
from vm_service.domain.program import Stage
from vm_service.domain.sweep import Rules
from vm_service.handlers.orphans import SweepTools
from vm_service.handlers.sweeper import sweep

pytestmark = pytest.mark.integration

FIRST, LAST = 900_000, 900_099
INSTALL = "yard-test"


class Sweeps:
    """The vm-service and its sweeper over a lab. Orphans are ripe at their second sighting."""

    def __init__(self, site: Site, service: Service) -> None:
        self.site, self.service = site, service
        self.tools = SweepTools(
            hypervisor=service.hypervisor,
            ledger=SqlLedger(service.sessions),
            install=INSTALL,
            vmids=lambda: range(FIRST, LAST + 1),
            rules=Rules(age=timedelta(0)),
        )

    def give_all_rights(self) -> None:
        """Let the token touch every VM there is, as careless operators do."""
        for kind, who in (("user", OWNER), ("token", f"{OWNER}!{CLIENT}")):
            entry = AclEntry(path="/vms", kind=kind, who=who, role="YardMachines")
            self.site.lab.site.rules.acl.append(entry)

    def vm(self, vmid: int, description: str = "", **config: str) -> None:
        described = {"description": description} if description else {}
        self.site.lab.site.machines[vmid] = Machine(
            vmid=vmid, config={**described, **config}, template="x"
        )
        self.site.lab.site.rules.pools[POOL].machines.add(vmid)

    async def row(self, server_id: str, vmid: int, stage: Stage, **more: Any) -> None:
        async with self.service.work() as tx:
            await tx.machines.add(machine(server_id, vmid, stage, **more))

    async def sweep(self, wish: SweepWish | None = None) -> SweepReport:
        return await sweep(work=self.service.work, tools=self.tools, wish=wish)

    async def sweep_twice(self) -> SweepReport:
        await self.sweep()
        return await self.sweep()

    def seen(self) -> dict[int, str]:
        """Return the whole state of every VM, templates and all."""
        found = self.site.lab.site.machines.items()
        return {vmid: machine.model_dump_json() for vmid, machine in found}


@pytest.fixture
async def sweeps(site: Site) -> AsyncIterator[Sweeps]:
    settings = site.settings.model_copy(update={"install_id": INSTALL})
    async with service_of(settings) as service:
        yield Sweeps(site, service)


def ours(server_id: str) -> str:
    return mark(server_id, install=INSTALL)


async def test_no_decoy_is_touched_whatever_the_token_may(sweeps: Sweeps):
    # S83
    await sweeps.service.want("srv_living")
    await sweeps.service.go("srv_living")
    await sweeps.row("srv_kept", 900_010, Stage.FAILED, keep=True)
    await sweeps.row("srv_gone", 900_011, Stage.GONE)
    await sweeps.row("srv_half", 900_012, Stage.GONE)
    await sweeps.row("srv_outside", 100, Stage.BLOCKED)
    sweeps.give_all_rights()
    sweeps.vm(100, ours("srv_outside"), name="outside")
    sweeps.vm(FIRST - 1, ours("srv_nobody"), name="below")
    sweeps.vm(LAST + 1, ours("srv_nobody"), name="above")
    sweeps.vm(900_010, ours("srv_kept"), name="kept")
    sweeps.vm(900_011, "somebody else's by now", name="web")
    sweeps.vm(900_012, lock="clone")
    sweeps.vm(900_013, lock="clone")
    sweeps.vm(900_014, name="no-mark")
    sweeps.vm(900_015, mark("srv_nobody", install="other"), name="theirs")
    sweeps.vm(900_016, mark("srv_nobody", install=INSTALL + "-2"), name="alike")
    sweeps.vm(900_017, "was " + ours("srv_nobody"), name="alike-too")
    sweeps.vm(900_018, ours("srv_nobody"), name="golden", template="1")
    sweeps.vm(900_019, ours("srv_living"), name="copy")
    before, tasks = sweeps.seen(), len([*sweeps.site.lab.tasks.newest_first()])

    report = await sweeps.sweep_twice()
    await sweeps.sweep(SweepWish(dry_run=False, cap=1000))

    assert sweeps.seen() == before
    assert len([*sweeps.site.lab.tasks.newest_first()]) == tasks
    assert verdicts(report) == {
        900_012: "cleanup_blocked",
        **dict.fromkeys((900_011, *range(900_013, 900_020)), "foreign_vm"),
    }
    [half] = [one for one in report.orphans if one.verdict == "cleanup_blocked"]
    assert half.command == "qm unlock 900012 && qm destroy 900012"


@pytest.mark.parametrize("pve", ["8.4", "9.2"])
async def test_f34_a_running_vm_whose_server_is_forgotten_is_removed(open_site: Opened, pve: str):
    # Below the cap: the row is missing.
    async with open_site(pve=pve) as site:
        settings = site.settings.model_copy(update={"install_id": INSTALL})
        async with service_of(settings) as service:
            sweeps = Sweeps(site, service)
            await service.want()
            await service.go()
            async with service.work() as tx:
                row = await tx.machines.get("srv_1")
                await tx.machines.save(replace(row, server_id="srv_1", stage=Stage.GONE))
            assert site.machines()[FIRST].powered

            report = await sweeps.sweep_twice()

            assert verdicts(report) == {FIRST: "deleted"}
            assert site.machines() == {}
            assert (await SqlLedger(service.sessions).state()).report == report


async def test_an_answer_lost_on_the_way_is_made_up_for_by_the_next_sweep(sweeps: Sweeps):
    sweeps.vm(900_001, ours("srv_nobody"), name="lost")
    await sweeps.sweep()
    await sweeps.site.break_(action="drop", method="DELETE", path="/qemu/900001$", count=1)

    await sweeps.sweep()
    await sweeps.sweep()

    assert 900_001 not in sweeps.site.lab.site.machines


async def test_f34_a_flood_of_orphans_is_left_alone_until_an_operator_asks(sweeps: Sweeps):
    for vmid in range(900_001, 900_007):
        sweeps.vm(vmid, ours(f"srv_{vmid}"), name=f"vm-{vmid}")
    before = sweeps.seen()

    report = await sweeps.sweep_twice()

    assert (report.halted, report.deletable, sweeps.seen()) == (True, 6, before)

    done = await sweeps.sweep(SweepWish(dry_run=False, cap=6))

    assert (done.halted, set(verdicts(done).values())) == (False, {"deleted"})
    assert sweeps.site.machines() == {}


async def test_protection_is_respected_and_the_command_is_told(sweeps: Sweeps):
    sweeps.vm(900_001, ours("srv_nobody"), name="precious", protection="1")

    [orphan] = (await sweeps.sweep_twice()).orphans

    assert orphan.verdict == "cleanup_blocked"
    assert orphan.command == "qm set 900001 --protection 0 && qm destroy 900001"
    assert 900_001 in sweeps.site.lab.site.machines


async def test_f25_a_blocked_removal_ends_once_its_command_was_run(sweeps: Sweeps):
    service, machines = sweeps.service, sweeps.site.lab.site.machines
    await service.want()
    await service.go()
    machines[FIRST].config["lock"] = "clone"
    await service.hear(RemovalRequested(server_id="srv_1", operation_id="op_2", reason="deleted"))
    await service.go()
    assert await service.said(VMRemovalBlocked)
    await sweeps.sweep()

    del machines[FIRST]
    report = await sweeps.sweep()
    await service.go()

    assert report.orphans == ()
    [gone] = await service.said(VMDeleted)
    assert (gone.operation_id, gone.vmid) == ("op_2", FIRST)


async def test_a_hypervisor_that_is_away_is_no_reason_to_forget_what_was_seen(sweeps: Sweeps):
    sweeps.vm(900_001, ours("srv_nobody"), name="lost")
    await sweeps.sweep()
    await sweeps.site.break_(
        action="answer", path="/cluster/resources", status=401, reason="No ticket", count=1
    )
    with pytest.raises(Exception, match="No ticket"):
        await sweeps.sweep()

    assert verdicts(await sweeps.sweep()) == {900_001: "deleted"}
