"""One drive of a clone: a full copy with its progress, or a linked one."""

from dataclasses import dataclass
from typing import Final

from proxmox_lab.call import Lab
from proxmox_lab.machines import config
from proxmox_lab.machines.sizes import spoken
from proxmox_lab.schema.properties import join, loosely
from proxmox_lab.site.things import Machine, Volume
from proxmox_lab.tasks.task import Task

FULL: Final = 2.0
EMPTY: Final = 0.2  # an empty disk is walked through all the same
NOTHING: Final = 1 << 20  # an image with less than this is an empty one
PROGRESS_STEPS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A clone as it was asked for."""

    source: int
    newid: int
    full: bool
    name: str | None
    description: str | None
    target: str | None  # another node, where the new machine is to live
    storage: str | None
    format: str | None
    pool: str | None
    bwlimit: int = 0  # KiB/s, 0 = none


async def copy_drive(
    lab: Lab,
    order: Order,
    source: Machine,
    machine: Machine,
    drive: tuple[str, str],
    task: Task,
) -> str:
    """Make one drive of the new machine and return its line in the configuration."""
    key, volume = drive
    seed = config.is_seed(volume)
    full = order.full or seed
    old = source.volumes[volume]
    storage = (order.storage if full and order.storage else None) or volume.partition(":")[0]
    disks = sum(not config.is_seed(made) for made in machine.volumes)
    kind = "qcow2" if seed else (order.format if full and order.format else old.format)
    end = "cloudinit.qcow2" if seed else f"disk-{disks}.{kind}"
    file = f"{machine.vmid}/vm-{machine.vmid}-{end}"
    base = "" if full else volume.partition(":")[2] + "/"
    new = f"{storage}:{base}{file}"
    task.say(f"create {'full' if full else 'linked'} clone of drive {key} ({volume})")
    _say_made(lab, task, storage, file, old.size, linked=None if full else volume)
    if full:
        task.say(f"allocated target volume '{new}'")
    if full and not seed:
        await transfer(task, old, order.bwlimit)
    machine.volumes[new] = Volume(
        vmid=machine.vmid, size=old.size, format=kind, ctime=int(lab.clock.now()),
        parent=None if full else volume,
    )  # fmt: skip
    rest = {k: v for k, v in loosely(source.config[key]).items() if k not in ("", "file")}
    return join({"": new} | rest | ({"size": "4M"} if seed else {}), default="")


def _say_made(
    lab: Lab, task: Task, storage: str, file: str, size: int, *, linked: str | None
) -> None:
    if linked:
        name = file.partition("/")[2]
        base = linked.partition(":")[2]
        vmid = file.partition("/")[0]
        task.say(f"clone {base}: images, {name}, {vmid} to {name} (base=../{base})")
    task.say(formatting(f"{lab.site.storage(storage).path}/images/{file}", size))


def formatting(path: str, size: int) -> str:
    """Return what ``qemu-img`` says when it makes an image."""
    if path.endswith(".raw"):
        return f"Formatting '{path}', fmt=raw size={size} preallocation=off"
    options = "extended_l2=off preallocation=metadata compression_type=zlib"
    return (
        f"Formatting '{path}', fmt=qcow2 cluster_size=65536 {options} size={size} "
        "lazy_refcounts=off refcount_bits=16"
    )


async def transfer(task: Task, volume: Volume, bwlimit: int) -> None:
    """Take as long as a copy takes, and tell how far it is."""
    whole, seconds = spoken(volume.size), FULL if volume.used > NOTHING else EMPTY
    if bwlimit:
        seconds = max(seconds, volume.size / 1024 / bwlimit)
    for step in range(PROGRESS_STEPS + 1):
        part = step / PROGRESS_STEPS
        task.say(f"transferred {spoken(volume.size * part)} of {whole} ({part * 100:.2f}%)")
        if step < PROGRESS_STEPS:
            await task.spend(seconds / PROGRESS_STEPS)
