"""What a sweep does outside: it looks, and it removes; each time it looks again before it acts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from common.contracts.base import now
from common.contracts.orphans import Orphan
from common.metrics import ORPHANS_REMOVED
from vm_service.domain.orphans import Finding, Record, Ruling, finding, life_of, worth_a_look
from vm_service.domain.ownership import Sighting, mark_of
from vm_service.domain.sweep import Rules, by_hand
from vm_service.domain.trouble import Trouble, Verdict, judge
from vm_service.domain.turning import unwanted
from vm_service.domain.vm import Listed
from vm_service.ports import Hypervisor, Ledger, UnitOfWork

log = logging.getLogger(__name__)

POLL: Final = 0.2  # seconds
MOST_POLLS: Final = 600
TELLING: Final = frozenset({Verdict.DENIED, Verdict.REFUSED, Verdict.FAULT})


class Changed(Exception):
    """The VM is not any more what it was found to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepTools:
    """What a sweep works with."""

    hypervisor: Hypervisor
    ledger: Ledger
    install: str
    vmids: Callable[[], range]  # administrators may change it
    rules: Rules = field(default_factory=Rules)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], datetime] = now


async def look_around(tools: SweepTools) -> list[Finding]:
    """Look at every VM in our range that no living machine explains.

    The VMs are listed before the database is read: whatever we make is written down first, so
    a VM that is listed and not written down is not ours, or was forgotten.
    """
    everything, ours = await tools.hypervisor.inventory(), tools.vmids()
    listed = {vm.vmid: vm for vm in everything if vm.vmid in ours}
    records = [one for one in await tools.ledger.records() if one.vmid in ours]
    findings: list[Finding] = []
    for place in worth_a_look(listed.values(), records):
        try:
            findings.append(await _look(tools, place, listed.get(place[1])))
        except Trouble as trouble:  # its node is down, say; the others are looked at all the same
            log.warning("not looked at", extra={"vmid": place[1], "error": trouble.text})
    return findings


async def _look(tools: SweepTools, place: tuple[str, int], listed: Listed | None) -> Finding:
    sighting = await tools.hypervisor.look(*place)
    return finding(
        place,
        sighting,
        listed=listed,
        records=await _records(tools, place[1], sighting),
        install=tools.install,
    )


async def _records(tools: SweepTools, vmid: int, sighting: Sighting | None) -> list[Record]:
    mark = mark_of(sighting.description) if sighting else None
    found = await tools.ledger.about(vmid, server_id=mark.server_id if mark else None)
    return list(found)


async def take_up(record: Record, *, work: UnitOfWork) -> None:
    """Send a machine on its way out, again; the worker does the rest.

    A template is in the way of nobody, and Proxmox refuses to remove it while disks rest on it.
    """
    async with work() as tx:
        machine = await tx.machines.find(record.server_id)
        if machine is None or life_of(machine) is not record.life:
            return
        if machine.is_bake and await tx.machines.cloned_from(record.vmid):
            return
        await tx.machines.save(unwanted(machine, operation_id=machine.operation_id))
    log.warning("a removal is taken up again", extra={"vmid": record.vmid, "was": record.life})


async def remove(found: Finding, orphan: Orphan, *, work: UnitOfWork, tools: SweepTools) -> Orphan:
    """Remove a VM that is still what it was found to be; return what is to be said of it."""
    try:
        await _stop(found, work=work, tools=tools)
        await _destroy(found, work=work, tools=tools)
    except Changed:
        return orphan.model_copy(update={"verdict": "waiting", "reason": "it has just changed"})
    except Trouble as trouble:
        log.warning("an orphan stays", extra={"vmid": found.vmid, "error": trouble.text})
        return _in_trouble(orphan, trouble)
    log.warning("an orphan was removed", extra={"vmid": found.vmid, "why": orphan.reason})
    ORPHANS_REMOVED.inc()
    return orphan.model_copy(update={"verdict": "deleted"})


def _in_trouble(orphan: Orphan, trouble: Trouble) -> Orphan:
    if trouble.verdict not in TELLING:
        return orphan.model_copy(update={"reason": trouble.text})
    denied = trouble.verdict is Verdict.DENIED
    said = f"{trouble.text}; {trouble.remedy}" if trouble.remedy else trouble.text
    command = None if denied else by_hand(orphan.vmid, text=trouble.text)
    update = {"verdict": "cleanup_blocked", "reason": said, "command": command}
    return orphan.model_copy(update=update)


async def _stop(found: Finding, *, work: UnitOfWork, tools: SweepTools) -> None:
    await _prove(found, work=work, tools=tools)
    power = await tools.hypervisor.power(found.node, found.vmid)
    if power.running:
        await _ended(tools, await tools.hypervisor.stop(found.node, found.vmid))


async def _destroy(found: Finding, *, work: UnitOfWork, tools: SweepTools) -> None:
    await _prove(found, work=work, tools=tools)
    await _ended(tools, await tools.hypervisor.destroy(found.node, found.vmid))
    if await tools.hypervisor.look(found.node, found.vmid) is not None:
        raise Trouble(Verdict.FAULT, f"VM {found.vmid} is still there after its removal")


async def _prove(found: Finding, *, work: UnitOfWork, tools: SweepTools) -> None:
    """See, right before it is touched, that the VM and our records are what they were."""
    async with work():
        pass  # the lease is still ours
    listed = [vm for vm in await tools.hypervisor.inventory() if vm.vmid == found.vmid]
    if not listed or found.vmid not in tools.vmids():
        raise Changed
    seen = await _look(tools, (found.node, found.vmid), listed[0])
    if seen.ruling is not Ruling.DELETE or seen.evidence != found.evidence:
        raise Changed


async def _ended(tools: SweepTools, upid: str) -> None:
    """Wait for the good end of a task. A bad one is the ``Trouble`` that its text means."""
    for _ in range(MOST_POLLS):
        state = await tools.hypervisor.task(upid)
        if not state.running:
            if state.failed is not None:
                raise judge(state.failed)
            return
        await tools.sleep(POLL)
    raise Trouble(Verdict.BUSY, f"the task did not end within {POLL * MOST_POLLS:.0f} s: {upid}")
