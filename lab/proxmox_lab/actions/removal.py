"""Removing machines, growing disks, and making templates."""

from typing import Final

from proxmox_lab.actions.power import refuse_locked, refuse_modified
from proxmox_lab.call import Lab
from proxmox_lab.machines import config
from proxmox_lab.machines.sizes import in_bytes, shown
from proxmox_lab.refusal import Refusal
from proxmox_lab.schema.properties import join, loosely
from proxmox_lab.site.things import Machine
from proxmox_lab.tasks.task import Task

DESTROY: Final = 0.2
RESIZE: Final = 0.1
CONVERSION: Final = 0.1


async def destroy(lab: Lab, vmid: int, task: Task, *, purge: bool) -> None:
    """Remove a machine, its volumes and its place in a pool."""
    async with lab.locks.config(vmid, say=task.say):
        machine = lab.site.machine(vmid)
        refuse_locked(machine)
        refuse_removal(lab, machine)
        _refuse_base(lab, machine)
        if purge:
            task.say(f"purging VM {vmid} from related configurations..")
        await task.spend(DESTROY)
        await lab.guesthouse.destroy(machine)
        lab.site.machines.pop(vmid, None)
        lab.store.forget_machine(vmid)
        _forget_rights(lab, vmid)


def refuse_removal(lab: Lab, machine: Machine) -> None:
    """Refuse while the machine is protected or running."""
    if machine.config.get("protection") == "1":
        raise Refusal(f"can't remove VM {machine.vmid} - protection mode enabled")
    if lab.guesthouse.is_running(machine.vmid):
        raise Refusal(f"VM {machine.vmid} is running - destroy failed")


def _refuse_base(lab: Lab, machine: Machine) -> None:
    if not machine.is_template:
        return
    used = {volume.parent for _, volume in lab.site.volumes() if volume.vmid != machine.vmid}
    for name in machine.volumes:
        if name in used:
            raise Refusal(f"base volume '{name}' is still in use by linked cloned")


def _forget_rights(lab: Lab, vmid: int) -> None:
    rules = lab.site.rules
    rules.firewalls.pop(str(vmid), None)
    rules.acl = [entry for entry in rules.acl if entry.path != f"/vms/{vmid}"]
    for pool in rules.pools.values():
        pool.machines.discard(vmid)
    lab.store.save_rules(lab.site)


async def resize(lab: Lab, vmid: int, task: Task, *, disk: str, size: str, digest: str) -> None:
    """Grow a disk; the same size is fine, a smaller one is not."""
    async with lab.locks.config(vmid, say=task.say):
        machine = lab.site.machine(vmid)
        refuse_modified(machine, digest)
        refuse_locked(machine)
        drive = machine.config.get(disk)
        if drive is None:
            raise Refusal(f"disk '{disk}' does not exist")
        if config.is_cdrom(drive):
            raise Refusal("you can't resize a cdrom")
        name = config.volume_of(drive)
        old = machine.volumes[name].size
        new = (old if size.startswith("+") else 0) + in_bytes(size.removeprefix("+"))
        if new < old:
            raise Refusal("shrinking disks is not supported")
        if new == old:
            return
        await _grow(lab, machine, (disk, name), new, task)


async def _grow(lab: Lab, machine: Machine, drive: tuple[str, str], size: int, task: Task) -> None:
    key, name = drive
    storage, _, file = name.partition(":")
    if machine.is_template:
        path = f"{lab.site.storage(storage).path}/images/{file}"
        kind = machine.volumes[name].format
        extra = "'--preallocation=metadata' " if lab.release.is_modern else ""
        options = f"{extra}-f {kind} {path} {size}"
        raise Refusal(f"command '/usr/bin/qemu-img resize {options}' failed: exit code 1")
    await task.spend(RESIZE)
    await lab.guesthouse.resize(machine, size)
    machine.volumes[name].size = size
    parts = loosely(machine.config[key]) | {"size": shown(size)}
    machine.config[key] = join(parts, default="")
    lab.store.save_machine(machine)
    if not lab.guesthouse.is_running(machine.vmid):
        task.say("Image resized.")


async def make_template(lab: Lab, vmid: int, task: Task) -> None:
    """Turn a stopped machine into a template: it is called one before its disks are."""
    async with lab.locks.config(vmid, say=task.say):
        machine = lab.site.machine(vmid)
        refuse_locked(machine)
        machine.config["template"] = "1"
        lab.store.save_machine(machine)
        await task.spend(CONVERSION)
        for name in [n for n in machine.volumes if not config.is_seed(n)]:
            base = name.replace(f"/vm-{vmid}-", f"/base-{vmid}-")
            machine.volumes[base] = machine.volumes.pop(name)
            for key, value in machine.config.items():
                machine.config[key] = value.replace(name, base)
        lab.store.save_machine(machine)
