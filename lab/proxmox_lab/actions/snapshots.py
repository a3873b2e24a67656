"""Snapshots: a machine's configuration and disks at a moment, in a tree of parents."""

import uuid
from typing import Final

from proxmox_lab.actions import power
from proxmox_lab.actions.power import refuse_locked
from proxmox_lab.call import Lab
from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.things import Machine, Snapshot, Volume
from proxmox_lab.tasks.task import Task

TAKE: Final = 0.2
_OWN: Final = frozenset({"lock", "digest", "description", "snapstate", "snaptime", "vmstate"})
_NO_SNAPSHOTS: Final = frozenset({"raw", "subvol"})


def find(machine: Machine, name: str) -> Snapshot:
    """Return a snapshot, or refuse."""
    found = machine.snapshots.get(name)
    if found is None:
        raise Refusal(f"snapshot '{name}' does not exist")
    return found


def is_possible(machine: Machine) -> bool:
    """Tell whether all disks of a machine can be snapshotted."""
    kinds = {machine.volumes[v].format for _, v in disks(machine.config) if v in machine.volumes}
    return not kinds & _NO_SNAPSHOTS


def disks(values: dict[str, str]) -> list[tuple[str, str]]:
    """The drives that hold data: key and volume, cloud-init and other CDs left out."""
    return [(k, v) for k, v in config.drives(values) if not config.is_cdrom(values[k])]


async def take(
    lab: Lab, vmid: int, task: Task, *, name: str, description: str, vmstate: bool
) -> None:
    """Note configuration and disks under a name; it becomes the parent of what follows."""
    async with lab.locks.config(vmid, say=task.say):
        machine = lab.site.machine(vmid)
        if machine.is_template:
            raise Refusal("you can't take a snapshot if it's a template")
        refuse_locked(machine)
        if name in machine.snapshots:
            raise Refusal(f"snapshot name '{name}' already used")
        if not is_possible(machine):
            raise Refusal("snapshot feature is not available")
        state = _memory(lab, machine, name, task) if vmstate else None
        for key, volume in disks(machine.config):
            task.say(f"snapshotting 'drive-{key}' ({volume})")
        await task.spend(TAKE)
        await _note_disks(lab, machine, name, state)
        machine.snapshots[name] = Snapshot(
            config={k: v for k, v in machine.config.items() if _is_kept(k)},
            snaptime=int(lab.clock.now()),
            description=description,
            parent=machine.config.get("parent"),
            vmstate=state,
        )
        machine.config["parent"] = name
        lab.store.save_machine(machine)


async def _note_disks(lab: Lab, machine: Machine, name: str, state: str | None) -> None:
    try:
        await lab.guesthouse.snapshot(machine, name)
    except GuestFailure:
        machine.volumes.pop(state or "", None)
        raise


def _is_kept(key: str) -> bool:
    return key not in _OWN and not key.startswith("unused")


def _memory(lab: Lab, machine: Machine, name: str, task: Task) -> str | None:
    """Lay a volume out for the memory of a running machine; a stopped one has none."""
    if not lab.guesthouse.is_running(machine.vmid):
        return None
    found = next((volume for _, volume in disks(machine.config)), "local:")
    storage = machine.config.get("vmstatestorage") or found.partition(":")[0]
    volid = f"{storage}:{machine.vmid}/vm-{machine.vmid}-state-{name}.raw"
    size = (config.memory_of(machine.config) * 2 + 500) << 20
    now = int(lab.clock.now())
    machine.volumes[volid] = Volume(vmid=machine.vmid, size=size, format="raw", ctime=now)
    task.say(f"saving VM state and RAM using storage '{storage}'")
    task.say("completed saving the VM state in 0s, saved 1.00 MiB")
    return volid


async def roll_back(lab: Lab, vmid: int, task: Task, *, name: str, start: bool) -> None:
    """Bring configuration and disks back; a running machine is stopped for it."""
    async with lab.locks.config(vmid, say=task.say):
        machine = lab.site.machine(vmid)
        if machine.is_template:
            raise Refusal("you can't rollback if vm is a template")
        found = find(machine, name)
        if found.state:
            text = f"unable to rollback to incomplete snapshot (snapstate = {found.state})"
            raise Refusal(text)
        refuse_locked(machine)
        guest = lab.guesthouse.find(vmid)
        if guest and guest.running:
            await guest.stop()
        power.settle(lab, machine)
        await lab.guesthouse.roll_back(machine, name)
        kept = {k: v for k, v in machine.config.items() if not _is_kept(k)}
        machine.config = found.config | kept | {"parent": name, "vmgenid": str(uuid.uuid4())}
        if "vmgenid" not in found.config:
            del machine.config["vmgenid"]
        lab.store.save_machine(machine)
    if start or found.vmstate:
        await power.start(lab, vmid, task)


async def remove(lab: Lab, vmid: int, task: Task, *, name: str) -> None:
    """Forget a snapshot; its children become its parent's. What fails half-way stays locked."""
    async with lab.locks.config(vmid, say=task.say):
        machine = lab.site.machine(vmid)
        if machine.is_template:
            raise Refusal("you can't delete a snapshot if vm is a template")
        found = find(machine, name)
        refuse_locked(machine)
        machine.config["lock"], found.state = "snapshot-delete", "delete"
        lab.store.save_machine(machine)
        await task.spend(TAKE)
        await lab.guesthouse.forget_snapshot(machine, name)
        del machine.config["lock"]
        del machine.snapshots[name]
        machine.volumes.pop(found.vmstate or "", None)
        for other in machine.snapshots.values():
            if other.parent == name:
                other.parent = found.parent
        if machine.config.get("parent") == name:
            machine.config.pop("parent")
            machine.config |= {"parent": found.parent} if found.parent else {}
        lab.store.save_machine(machine)
