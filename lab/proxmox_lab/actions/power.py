"""Power: start, stop, shutdown, reboot and the rest, as tasks see them."""

import re
from collections.abc import Mapping
from typing import Final

from proxmox_lab.actions.drive_change import park
from proxmox_lab.call import Lab
from proxmox_lab.guests.port import Guest
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal, config_not_found
from proxmox_lab.site.things import Machine
from proxmox_lab.tasks.task import Task

START: Final = 0.5
STOP: Final = 0.3
RESTART: Final = 1.5
SHUTDOWN_WAIT: Final = 60
_BRIDGE: Final = re.compile(r"bridge=([^,]+)")
_NO_AGENT: Final = (
    "QEMU Guest Agent is not running - VM {} qga command 'guest-ping' failed - got timeout"
)


async def start(lab: Lab, vmid: int, task: Task, *, skip_lock: bool = False) -> None:
    """Power a machine on."""
    machine = lab.site.machine(vmid)
    if machine.is_template:
        raise Refusal("you can't start a vm if it's a template")
    async with lab.locks.config(vmid, say=task.say):
        machine = lab.site.machine(vmid)
        if not skip_lock:
            refuse_locked(machine)
        if lab.guesthouse.is_running(vmid):
            raise Refusal(f"VM {vmid} already running")
        _prepare(lab, machine, task)
        await task.spend(START)
        if said := await lab.guesthouse.start(machine):
            task.say(said)
        machine.powered, machine.paused = True, False
        machine.seeded = dict(machine.config)
        lab.store.save_machine(machine)


async def stop(lab: Lab, vmid: int, task: Task, *, skip_lock: bool = False) -> None:
    """Cut a machine's power; a stopped one is fine, locked or not."""
    known(lab, vmid)
    async with lab.locks.config(vmid, say=task.say):
        machine = lab.site.machine(vmid)
        guest = lab.guesthouse.find(vmid)
        if guest and guest.running:
            if not skip_lock:
                refuse_locked(machine)
            await task.spend(STOP)
            await guest.stop()
        settle(lab, machine)


async def shutdown(
    lab: Lab, vmid: int, task: Task, *, timeout: int, force: bool, skip_lock: bool = False
) -> None:
    """Ask the guest to power off, and cut its power afterwards if ``force``."""
    known(lab, vmid)
    async with lab.locks.config(vmid, say=task.say):
        machine = lab.site.machine(vmid)
        guest = lab.guesthouse.find(vmid)
        if guest and guest.running:
            if not skip_lock:
                refuse_locked(machine)
            await _ask_off(lab, machine, guest, task, timeout=timeout, force=force)
        settle(lab, machine)


async def _ask_off(
    lab: Lab, machine: Machine, guest: Guest, task: Task, *, timeout: int, force: bool
) -> None:
    if config.has_agent(machine) and not await guest.agent_ping():
        task.say(_NO_AGENT.format(machine.vmid))
    if await guest.shutdown(lab.clock.scaled(timeout)):
        return
    if not force:
        raise Refusal("VM quit/powerdown failed - got timeout")
    task.say("VM still running - terminating now with SIGTERM")
    await guest.stop()


async def reboot(lab: Lab, vmid: int, task: Task, *, timeout: int) -> None:
    """Shut down; the node's event daemon sees it off and starts it again a moment later."""
    await shutdown(lab, vmid, task, timeout=timeout, force=False)
    machine = lab.site.machine(vmid)
    machine.powered = True
    lab.store.save_machine(machine)

    async def start_again() -> None:
        await lab.clock.sleep(RESTART)
        async with lab.locks.config(vmid):
            if machine.vmid in lab.site.machines and not lab.guesthouse.is_running(vmid):
                await lab.guesthouse.start(machine)

    lab.tasks.aside(f"start {vmid} again", start_again)


async def reset(lab: Lab, vmid: int, task: Task, *, skip_lock: bool = False) -> None:
    """Press the reset button."""
    async with lab.locks.config(vmid, say=task.say):
        if not skip_lock:
            refuse_locked(lab.site.machine(vmid))
        guest = lab.guesthouse.find(vmid)
        if guest:
            await guest.reset()


async def pause(lab: Lab, vmid: int, task: Task, *, paused: bool, skip_lock: bool = False) -> None:
    """Hold the machine still, or let it go on; a backup's lock allows it. Guests are not told."""
    async with lab.locks.config(vmid, say=task.say):
        machine = lab.site.machine(vmid)
        if not skip_lock and machine.lock != "backup":
            refuse_locked(machine)
        machine.paused = paused


def settle(lab: Lab, machine: Machine) -> None:
    """Note that a machine is off: what was pending becomes its configuration."""
    for key in filter(config.DRIVE.match, machine.doomed):
        park(machine, key)
    machine.config = config.wanted(machine)
    machine.pending, machine.doomed = {}, []
    machine.powered = machine.paused = False
    machine.seeded = None
    lab.store.save_machine(machine)


def refuse_locked(machine: Machine) -> None:
    """Refuse while the configuration says ``lock:``."""
    if machine.lock:
        raise Refusal(f"VM is locked ({machine.lock})")


def refuse_modified(machine: Machine, digest: str | None) -> None:
    """Refuse if somebody changed the configuration since it was read."""
    if digest and digest != config.digest(machine):
        raise Refusal("checksum mismatch (file change by other user?)")


def known(lab: Lab, vmid: int) -> Machine:
    """Return the machine, or refuse in the words of stop, shutdown and clone."""
    found = lab.site.machines.get(vmid)
    if found is None:
        raise config_not_found(vmid, lab.site.node)
    return found


def _prepare(lab: Lab, machine: Machine, task: Task) -> None:
    """Fail where Proxmox fails when it puts the command line together."""
    now = machine.config
    for part in now.get("cicustom", "").split(","):
        if "=" in part:
            storage, _, file = part.partition("=")[2].partition(":")
            lab.site.storage(storage)
            raise Refusal(f"volume '{storage}:{file}' does not exist")
    if any(config.is_seed(volume) for _, volume in config.drives(now)):
        task.say("generating cloud-init ISO")
    if any(volume == "cdrom" for _, volume in config.drives(now)):
        task.warn("no physical CD-ROM available, ignoring")
    _refuse_impossible(lab, now, task)


def _refuse_impossible(lab: Lab, now: Mapping[str, str], task: Task) -> None:
    host = lab.site.host
    if config.cpus_of(now) > host.cpus:
        raise Refusal(f"MAX {host.cpus} vcpus allowed per VM on this node")
    for key, value in now.items():
        bridge = _BRIDGE.search(value) if config.NET.match(key) else None
        if bridge and bridge[1] not in host.bridges:
            if lab.release.is_modern:
                raise Refusal(f"bridge '{bridge[1]}' does not exist")
            raise Refusal("start failed: QEMU exited with code 1")
    if config.memory_of(now) << 20 > host.memory * 4:
        task.say("qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory")
        raise Refusal("start failed: QEMU exited with code 1")
