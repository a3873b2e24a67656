"""The steps that change a machine's power. Each looks, acts, looks again, and may be repeated."""

from dataclasses import replace
from typing import Final

from vm_service.domain.machine import Machine, seen_off
from vm_service.domain.ownership import Sighting
from vm_service.domain.program import Kind, PowerState
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.domain.vm import Power
from vm_service.handlers.job import Change, Job, keeping
from vm_service.handlers.power import (
    Ask,
    persuade,
    see_off,
    see_on,
    seen,
    switch_off,
    switch_on,
)
from vm_service.handlers.proof import ours
from vm_service.handlers.waiting import see_through, wait
from vm_service.ports import Work

TICK: Final = 1.0  # seconds by which an uptime may be rounded

ON: Final = keeping(power="running", task=None, rebooting=False, boot_needed=False)


async def off(_tx: Work, machine: Machine) -> Machine:
    """Record that the VM is off."""
    return replace(seen_off(machine), task=None, rebooting=False, boot_needed=False)


async def start(job: Job) -> Change:
    """Switch the VM on; one that runs already is as good."""
    await _come_up_with_node(job, await ours(job), on=True)
    # A VM just made need not be looked at: Proxmox itself refuses to start one that runs.
    is_new = job.machine.kind is Kind.DEPLOY and job.machine.attempt == 1
    if is_new or not (await seen(job)).running:
        await switch_on(job)
    return ON


async def shutdown(job: Job) -> Change:
    """Have the guest shut down; one that does not, in its time, has its power cut.

    Not that of a template to be: what was taken from its disk last may not be written yet.
    """
    sighting = await ours(job)
    if (await seen(job)).running and not await persuade(job, _shutdown(job)):
        if job.machine.kind is Kind.CONVERT:
            text = "the guest did not shut down in its time, and half a seal is none"
            raise Trouble(Verdict.REFUSED, text, "have the template baked again")
        await job.remark("The guest did not shut down in its time: cutting its power")
        await switch_off(job)
    await see_off(job)
    await _come_up_with_node(job, sighting, on=False)
    return off


async def stop(job: Job) -> Change:
    """Cut the power without asking."""
    sighting = await ours(job)
    if (await seen(job)).running:
        await switch_off(job)
    await see_off(job)
    await _come_up_with_node(job, sighting, on=False)
    return off


async def _come_up_with_node(job: Job, sighting: Sighting, *, on: bool) -> None:
    """Have the VM stand after a reboot of its node as its owner left it."""
    if sighting.onboot is on:
        return
    upid = await job.tools.hypervisor.set_onboot(*job.machine.place, on=on)
    if upid is not None:
        await wait(job, upid)


async def reboot(job: Job) -> Change:
    """Have the VM booted after the step began; for a resize, only if anything waits for that."""
    await _come_up_with_node(job, await ours(job), on=True)
    power = await seen(job, with_changes=job.machine.kind is Kind.RESIZE)
    if _is_done(job, power):
        return ON
    if not power.running:
        await switch_on(job)
    elif job.machine.force:
        await _reset(job)
    else:
        await _reboot(job)
    return ON


def _shutdown(job: Job) -> Ask:
    return lambda node, vmid, left: job.tools.hypervisor.shutdown(node, vmid, timeout=left)


def _restart(job: Job) -> Ask:
    return lambda node, vmid, left: job.tools.hypervisor.reboot(node, vmid, timeout=left)


def _is_done(job: Job, power: Power) -> bool:
    if not power.running:
        return False
    has_booted = power.uptime + TICK < job.age().total_seconds()
    if job.machine.kind is Kind.RESIZE:
        return not power.restart_needed and (has_booted or not job.machine.boot_needed)
    return has_booted


async def _reboot(job: Job) -> None:
    await job.note(rebooting=True)
    if not await persuade(job, _restart(job)):
        await job.remark("The guest did not shut down in its time: switching it off and on")
        await switch_off(job)
    await see_on(job)


async def _reset(job: Job) -> None:
    """Push the button once, also if we were interrupted after it."""
    if job.machine.task is None:
        await job.keep_task(await job.tools.hypervisor.reset(*job.machine.place))
    assert job.machine.task is not None
    try:
        await see_through(job, job.machine.task)
    except Trouble:
        await job.keep_task(None)
        raise


async def observe(job: Job) -> Change:
    """Let go, and look how the VM stands."""
    if job.machine.vmid is None:
        return keeping(power="unknown")
    await ours(job)
    power = await seen(job)
    return keeping(power="running") if power.running else _seen_off


async def _seen_off(_tx: Work, machine: Machine) -> Machine:
    return seen_off(machine)


async def last_look(job: Job) -> PowerState:
    """Return how the VM stands after its step has failed, as far as it can be seen at once."""
    try:
        await ours(job)
        power = await job.tools.hypervisor.power(*job.machine.place)
    except Trouble:
        return "unknown"
    return "running" if power.running else "stopped"
