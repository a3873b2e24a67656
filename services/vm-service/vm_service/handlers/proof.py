"""Before a VM is changed: it is looked at, and proven to be ours."""

from vm_service.domain.ownership import Sighting, Standing, by_hand
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.handlers.job import Job


async def ours(job: Job) -> Sighting:
    """Return the VM as it stands, on the node it is on now. Raises unless it is proven ours."""
    if job.machine.vmid is None:
        raise Trouble(
            Verdict.REFUSED,
            "the server has no VM: its deployment did not come that far",
            "delete the server and deploy it again",
        )
    node, vmid = job.machine.place
    found, sighting = await job.sight()
    if found is Standing.OURS and sighting is not None:
        if sighting.node != node:
            await job.note(node=sighting.node)  # somebody has moved it
        return sighting
    if found is Standing.ABSENT:
        raise Trouble(
            Verdict.ABSENT,
            f"VM {vmid} is gone: somebody has removed it",
            "delete the server and deploy it again",
        )
    if found is Standing.FOREIGN:
        raise Trouble(
            Verdict.REFUSED,
            f"VM {vmid} does not carry our mark (any more), so it is not touched",
            f"if it is this server, put {job.mark.text!r} as first line of its notes and try again",
        )
    if sighting is not None and sighting.hidden:
        raise Trouble(
            Verdict.DENIED,
            f"our token may not see VM {vmid}",
            f"grant VM.Audit on /vms/{vmid} or on the pool of the servers",
        )
    raise Trouble(
        Verdict.REFUSED,
        f"VM {vmid} is a clone that was broken off and is locked; an API token cannot unlock it",
        by_hand(node, vmid),
    )
