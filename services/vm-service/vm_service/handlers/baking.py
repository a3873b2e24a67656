"""A VM whose guest is sealed becomes a template, and others are cloned from it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from vm_service.domain.machine import Machine
from vm_service.domain.ownership import Mark, Standing, standing
from vm_service.domain.survey import Survey, Template
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.handlers.job import Change, Job
from vm_service.handlers.proof import ours
from vm_service.handlers.waiting import wait
from vm_service.ports import Work


async def convert(job: Job) -> Change:
    """Turn the VM into a template; one that is a template already is as good."""
    if not (await ours(job)).template:
        node, vmid = job.machine.place
        upid = await job.tools.hypervisor.make_template(node, vmid)
        if upid is not None:
            await wait(job, upid)
        if not (await ours(job)).template:
            raise Trouble(Verdict.FAULT, f"VM {vmid} is no template after it was made one")
    return _without_address


async def _without_address(_tx: Work, machine: Machine) -> Machine:
    """Let the address go: nobody will ever answer at it again."""
    return replace(machine, net=None, address=None, endpoint=None, host_keys=())


async def baked(job: Job, survey: Survey) -> Sequence[Template]:
    """Return the templates baked for what is to be made that are there, and still are ours."""
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
    return Template(vmid=vmid, node=node, storages=storages)


async def still_there(tx: Work, machine: Machine, found: Sequence[Template]) -> Sequence[Template]:
    """Return those that nobody has asked to be removed meanwhile."""
    known = {one.vmid for one in await _known(tx, machine)}
    return [template for template in found if template.vmid in known]


async def _known(tx: Work, machine: Machine) -> Sequence[Machine]:
    spec = machine.wanted
    if spec.purpose == "template" or spec.recipe is None:
        return ()
    return await tx.machines.templates(game=spec.game, recipe=spec.recipe)
