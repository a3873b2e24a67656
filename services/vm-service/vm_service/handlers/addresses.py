"""A guest's address: free before it is given out, and believed only if it can be the guest's."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from vm_service.domain.network import AddressBook
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.handlers.job import Job, Overtaken

MOST_PROBED: Final = 20


async def ensure_free_address(job: Job) -> None:
    """Knock at the machine's address before its VM exists; where somebody answers, take another."""
    probe, avoid = job.tools.probe, set[str]()
    while probe is not None and job.machine.net and job.machine.net.address:
        address = str(job.machine.net.address.ip)
        if not await probe.is_taken(address):
            return
        avoid.add(address)
        if len(avoid) >= MOST_PROBED:
            text = f"{len(avoid)} addresses in a row are in use, the last one {address}"
            remedy = "choose a network whose addresses nobody else gives out"
            raise Trouble(Verdict.REFUSED, text, remedy)
        await job.remark(f"Address {address} is in use by somebody else; taking another")
        hosts = await job.tools.hypervisor.host_addresses()
        await _take_another(job, avoid | hosts)


async def _take_another(job: Job, avoid: AbstractSet[str]) -> None:
    async with job.work() as tx:
        current = await tx.machines.get(job.machine.server_id)
        if current.errand != job.machine.errand:
            raise Overtaken
        job.machine = await tx.machines.reserve(current, avoid=avoid)
        await tx.machines.save(job.machine)


async def believed(job: Job, claimed: Sequence[str]) -> str:
    """Return the guest's address. What it claims beyond that is never used, nor connected to."""
    machine = job.machine
    assert machine.net is not None
    is_static = machine.net.network.mode == "static"
    async with job.work() as tx:
        others = await tx.machines.addresses(but=machine.server_id)
    hosts = frozenset[str]() if is_static else await job.tools.hypervisor.host_addresses()
    for address in sorted(claimed, key=lambda text: ":" in text):
        if AddressBook.believes(address, machine.net, others=others, hosts=hosts):
            return machine.address if is_static and machine.address else address
    if is_static:
        text = f"the guest does not have its address {machine.address}"
    else:
        text = f"the guest tells no address that can be its own in {machine.net.network.subnet}"
    raise Trouble(Verdict.NOT_YET, text)
