"""The steps that bring a machine up. Each looks, acts, looks again, and may be repeated."""

from datetime import timedelta
from typing import Final

from vm_service.domain.host_key import HOST_KEY_FILE, host_key
from vm_service.domain.machine import Machine
from vm_service.domain.placement import choose_of, prefer
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.handlers.addresses import believed
from vm_service.handlers.baking import baked, still_there
from vm_service.handlers.job import Change, Job, keeping
from vm_service.handlers.waiting import (
    GROWTH,
    heeding,
    pause,
)
from vm_service.ports import Work

GUEST_LIMIT: Final = timedelta(minutes=10)  # an emulated guest on a busy machine takes half of it
SETUP_LIMIT: Final = timedelta(minutes=1)  # of cloud-init, before SSH may start
BOOTING: Final = 1.0  # seconds no guest is awake before; asked too early, Proxmox is silent for 3
FIRST_LOOK: Final = 0.2  # seconds before a guest is asked again
LONGEST_LOOK: Final = 2.0


async def reserve(job: Job) -> Change:
    """Look around; node, id and address are chosen in the transaction that records them."""
    survey, wishes = await job.tools.hypervisor.survey()
    hosts = await job.tools.hypervisor.host_addresses()
    found = await baked(job, survey)

    async def change(tx: Work, machine: Machine) -> Machine:
        used = await tx.machines.used(but=machine.server_id)
        carrying = await still_there(tx, machine, found)
        plan, surveys = machine.wanted.plan, prefer(carrying, survey)
        home = choose_of(plan, surveys, wishes, used=used)
        placed = await keeping(node=home.node, home=home)(tx, machine)
        return await tx.machines.reserve(placed, avoid=hosts)

    return change


async def address(job: Job) -> Change:
    """Wait until the guest has introduced itself, then find out from where it is reached."""
    if job.machine.attempt == 1:
        await pause(job, BOOTING)
    delay = FIRST_LOOK
    while (told := await _introduction(job)) is None:
        await pause(job, delay)
        delay = min(delay * GROWTH, LONGEST_LOOK)
    address, host_keys = told
    if job.tools.tofu:
        await job.remark("HOST KEY NOT VERIFIED (tofu): the first key seen will be trusted")
    machine = job.machine
    _, vmid = machine.place
    endpoint = await job.tools.reach.endpoint(
        vmid=vmid, address=address, ports=machine.wanted.ports
    )
    return keeping(address=address, host_keys=host_keys, endpoint=endpoint)


async def _introduction(job: Job) -> tuple[str, tuple[str, ...]] | None:
    """Return the guest's address and host keys, or nothing while it is not ready to tell them."""
    try:
        return await _introduced(job)
    except Trouble as trouble:
        if trouble.verdict is not Verdict.NOT_YET:
            raise
        if job.age() < GUEST_LIMIT:
            return None
        raise Trouble(
            Verdict.REFUSED,
            f"the guest was not ready within {GUEST_LIMIT}: {trouble.text}",
            "see the VM's console in Proxmox; the template needs cloud-init, qemu-guest-agent "
            "and a network in which its address is valid",
        ) from trouble


async def _introduced(job: Job) -> tuple[str, tuple[str, ...]]:
    hypervisor = job.tools.hypervisor
    claimed = await heeding(job, hypervisor.guest_addresses(*job.machine.place))
    address = await believed(job, claimed)
    if job.tools.tofu:
        return address, ()
    key = host_key(await heeding(job, hypervisor.guest_host_key(*job.machine.place)))
    if key is None:
        raise Trouble(Verdict.NOT_YET, f"{HOST_KEY_FILE} of the guest holds no host key")
    if key in job.machine.host_keys:
        await _let_set_up(job)
    return address, (key,)


async def _let_set_up(job: Job) -> None:
    """Wait while the guest, renamed perhaps, may still put another key in the former one's place.

    One that never ends its setup may go on: what it told is still checked at the login.
    """
    done = await heeding(job, job.tools.hypervisor.guest_is_set_up(*job.machine.place))
    if done is False and job.age() < SETUP_LIMIT:
        raise Trouble(Verdict.NOT_YET, "cloud-init has not made the host keys of this boot yet")
