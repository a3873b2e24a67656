"""Drives: attached, allocated, parked as unused, removed."""

from typing import Final

from proxmox_lab.call import Lab
from proxmox_lab.machines import config
from proxmox_lab.machines.sizes import shown
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.schema.properties import join, loosely
from proxmox_lab.site.things import Machine, Volume
from proxmox_lab.tasks.task import Task

SEED_SIZE: Final = 4 << 20


def attach(lab: Lab, machine: Machine, drive: tuple[str, str], task: Task | None) -> None:
    """Put a drive into the configuration, allocating what it asks for."""
    key, value = drive
    parts = loosely(value)
    volume = parts.pop("file", parts.pop("", ""))
    if volume in ("none", "cdrom") or volume in machine.volumes:
        machine.config[key] = join({"": volume} | parts, default="")
        return
    storage, _, wish = volume.partition(":")
    if "images" not in lab.site.storage(storage).content:
        raise invalid({"storage": f"storage '{storage}' does not support vm images"})
    if wish == "cloudinit":
        machine.config[key] = _seed(lab, machine, key, storage)
        return
    size = _wished_size(wish, volume)
    park(machine, key)
    kind = parts.pop("format", "raw")
    name = free_name(machine, storage, kind)
    machine.volumes[name] = _volume(lab, machine, size, kind)
    machine.config[key] = join({"": name} | parts | {"size": shown(size)}, default="")
    if task:
        task.say(f"{key}: successfully created disk '{machine.config[key]}'")


def park(machine: Machine, key: str) -> None:
    """Keep a replaced disk as an unused one."""
    old = machine.config.pop(key, None)
    volume = config.volume_of(old) if old else ""
    if volume not in machine.volumes or config.is_seed(volume):
        machine.volumes.pop(volume, None)
        return
    free = next(n for n in range(256) if f"unused{n}" not in machine.config)
    machine.config[f"unused{free}"] = volume


def detach(machine: Machine, key: str, *, force: bool) -> None:
    """Take a drive out; its volume goes with ``force`` or when it was parked already."""
    volume = config.volume_of(machine.config[key])
    _refuse_protected(machine, key, volume)
    if force or key.startswith("unused"):
        del machine.config[key]
        machine.volumes.pop(volume, None)
    else:
        park(machine, key)


def _refuse_protected(machine: Machine, key: str, volume: str) -> None:
    if machine.config.get("protection") == "1":
        what = f"unused disk '{volume}'" if key.startswith("unused") else f"drive '{key}'"
        raise Refusal(f"can't remove {what} - protection mode enabled")


def _seed(lab: Lab, machine: Machine, key: str, storage: str) -> str:
    name = f"{storage}:{machine.vmid}/vm-{machine.vmid}-cloudinit.qcow2"
    for other, volume in config.drives(machine.config):
        if config.is_seed(volume) and other != key:
            raise Refusal(f"{key} - cloud-init drive is already attached at '{other}'")
    if name in machine.volumes:
        path = f"{lab.site.storage(storage).path}/images/{name.partition(':')[2]}"
        raise Refusal(f"disk image '{path}' already exists")
    machine.volumes[name] = _volume(lab, machine, SEED_SIZE, "qcow2")
    return f"{name},media=cdrom"


def _wished_size(wish: str, volume: str) -> int:
    try:
        return int(float(wish) * (1 << 30))
    except ValueError:
        raise Refusal(f"volume '{volume}' does not exist") from None


def free_name(machine: Machine, storage: str, format: str) -> str:
    """Return a volume id that no disk of the machine has."""
    taken = {volume.rpartition("/")[2].partition(".")[0] for volume in machine.volumes}
    names = (f"vm-{machine.vmid}-disk-{number}" for number in range(1000))
    free = next(name for name in names if name not in taken)
    return f"{storage}:{machine.vmid}/{free}.{format}"


def _volume(lab: Lab, machine: Machine, size: int, format: str) -> Volume:
    now = int(lab.clock.now())
    return Volume(vmid=machine.vmid, size=size, format=format, ctime=now)
