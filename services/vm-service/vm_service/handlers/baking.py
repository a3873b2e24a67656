"""A VM whose guest is sealed becomes a template, and others are cloned from it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from vm_service.domain.machine import Machine
from vm_service.domain.ownership import Mark, Standing, standing
from vm_service.domain.survey import Survey, Template
from vm_service.domain.trouble import Trouble, Verdict, judge
from vm_service.handlers.job import Change, Job
from vm_service.handlers.proof import ours
from vm_service.handlers.waiting import wait_for_end, warn
from vm_service.ports import Work

HALF: Final = "see the task's log in Proxmox; then have a template baked again"


async def convert(job: Job) -> Change:
    """Turn the VM into a template, disks and all; one that is whole already is as good.

    That Proxmox calls it a template proves nothing: it does so before it begins with the disks.
    And the system disk comes first: it tells how a lost task has ended, and corrects no other.
    """
    if job.machine.task is None and not (await ours(job)).template:
        await job.keep_task(await job.tools.hypervisor.make_template(*job.machine.place))
    failed = await _end(job)
    sighting = await ours(job)
    if not sighting.template:
        await job.keep_task(None)
        raise failed or Trouble(Verdict.FAULT, f"VM {job.machine.vmid} is no template yet")
    is_whole = sighting.disk is not None and sighting.disk.base
    if failed is not None and not (is_whole and failed.is_of_a_lost_task):
        text = f"Proxmox has made half a template of it: {failed.text}"
        raise Trouble(Verdict.REFUSED, text, failed.remedy or HALF)
    if not is_whole and job.machine.task is None:
        raise Trouble(Verdict.BUSY, "it is half a template: its disk is not converted", HALF)
    return _without_address


async def _end(job: Job) -> Trouble | None:
    """Wait until the conversion has ended, and tell what went wrong with it, if anything did."""
    if job.machine.task is None:
        return None
    state = await wait_for_end(job, job.machine.task)
    if state.failed is not None:
        return judge(state.failed)
    await warn(job, state)
    return None


async def _without_address(_tx: Work, machine: Machine) -> Machine:
    """Let the address go: nobody will ever answer at it again."""
    return replace(machine, task=None, net=None, address=None, endpoint=None, host_keys=())


async def baked(job: Job, survey: Survey) -> Sequence[Template]:
    """Return the templates baked for what is to be made that are there, and still are ours.

    None once such a one was chosen and could not be cloned: then the plain ones serve.
    """
    if job.machine.home is not None and job.machine.home.baked:
        return ()
    async with job.work() as tx:
        known = await _known(tx, job.machine)
    seen = await asyncio.gather(*[_seen(job, machine, survey) for machine in known])
    return [template for template in seen if template is not None]


async def _seen(job: Job, machine: Machine, survey: Survey) -> Template | None:
    """Return it if it may be used as it stands; one that cannot be looked at is not missed."""
    mark = Mark(
        install=job.tools.install, server_id=machine.server_id, operation_id=machine.made_by
    )
    try:
        sighting = await job.tools.hypervisor.look(*machine.place)
    except Trouble:
        return None
    usable = _usable(machine, survey)
    if usable is None or sighting is None or not sighting.template or sighting.lock:
        return None
    if standing(sighting, mark) is not Standing.OURS:
        return None
    return replace(usable, node=sighting.node)


def _usable(machine: Machine, survey: Survey) -> Template | None:
    """Return it as a template of the cluster, if what it was cloned from is still to be used."""
    home = machine.home
    base = next((one for one in survey.templates if home and one.vmid == home.template), None)
    if base is None or home is None:
        return None
    node, vmid = machine.place
    storages = (home.storage,) if home.storage else base.storages
    return Template(vmid=vmid, node=node, storages=storages, baked=True)


async def still_there(tx: Work, machine: Machine, found: Sequence[Template]) -> Sequence[Template]:
    """Return those that nobody has asked to be removed meanwhile."""
    known = {one.vmid for one in await _known(tx, machine)}
    return [template for template in found if template.vmid in known]


async def _known(tx: Work, machine: Machine) -> Sequence[Machine]:
    spec = machine.wanted
    if spec.purpose == "template" or spec.recipe is None:
        return ()
    return await tx.machines.templates(game=spec.game, recipe=spec.recipe)
