"""Moving a disk to another storage: copied under a new name, the old one parked or deleted."""

from dataclasses import dataclass

from proxmox_lab.actions.drive_change import free_name
from proxmox_lab.actions.drive_copy import formatting, transfer
from proxmox_lab.actions.power import refuse_locked, refuse_modified
from proxmox_lab.call import Lab
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal
from proxmox_lab.schema.properties import join, loosely
from proxmox_lab.site.things import Machine, Volume
from proxmox_lab.tasks.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A disk's move as it was asked for."""

    vmid: int
    disk: str
    storage: str
    format: str | None
    delete: bool
    digest: str | None
    bwlimit: int = 0


def refuse(machine: Machine, move: Move) -> None:
    """Refuse what cannot be moved."""
    refuse_locked(machine)
    refuse_modified(machine, move.digest)
    drive = machine.config.get(move.disk)
    if drive is None:
        raise Refusal(f"disk '{move.disk}' does not exist")
    volume = config.volume_of(drive)
    if config.is_cdrom(drive):
        raise Refusal("you can't move a cdrom")
    if volume not in machine.volumes:
        raise Refusal(f"disk '{move.disk}' has no associated volume")
    kept = move.format in (None, machine.volumes[volume].format)
    if kept and volume.partition(":")[0] == move.storage:
        raise Refusal("you can't move to the same storage with same format")
    used = any(
        volume in map(config.volume_of, snapshot.config.values())
        for snapshot in machine.snapshots.values()
    )
    if used and move.delete:
        raise Refusal("you can't move a disk with snapshots and delete the source")


async def move_disk(lab: Lab, move: Move, task: Task) -> None:
    """Copy the disk; the machine uses the copy from then on."""
    async with lab.locks.config(move.vmid, say=task.say):
        machine = lab.site.machine(move.vmid)
        refuse(machine, move)
        old = config.volume_of(machine.config[move.disk])
        source, modern = machine.volumes[old], lab.release.is_modern
        kind = move.format or source.format
        new = free_name(machine, move.storage, kind)
        from_storage, to = old.partition(":")[0], f"to target storage '{move.storage}'"
        if modern:
            task.say(f"copying volume '{old}' from current storage '{from_storage}' {to}")
        task.say(f"create full clone of drive {move.disk} ({old})")
        path = f"{lab.site.storage(move.storage).path}/images/{new.partition(':')[2]}"
        task.say(formatting(path, source.size))
        if modern:
            task.say(f"allocated target volume '{new}'")
        await transfer(task, source, move.bwlimit)
        machine.volumes[new] = Volume(
            vmid=move.vmid, size=source.size, format=kind, ctime=int(lab.clock.now())
        )
        _settle(machine, move, (old, new), task if modern else None)
        lab.store.save_machine(machine)


def _settle(machine: Machine, move: Move, names: tuple[str, str], task: Task | None) -> None:
    old, new = names
    rest = {k: v for k, v in loosely(machine.config[move.disk]).items() if k not in ("", "file")}
    machine.config[move.disk] = join({"": new} | rest, default="")
    if move.delete:
        del machine.volumes[old]
        return
    free = next(n for n in range(256) if f"unused{n}" not in machine.config)
    machine.config[f"unused{free}"] = old
    if task:
        task.say(f"adding source volume '{old}' as 'unused{free}' to config")
