"""Cloning: the half-made machine is visible at once, the rest takes its time."""

import asyncio
import uuid
from collections.abc import Iterator
from typing import Final

from proxmox_lab.actions.drive_copy import Order, copy_drive
from proxmox_lab.actions.power import refuse_locked
from proxmox_lab.call import Lab
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal, WorkerDied
from proxmox_lab.site.seed import random_mac
from proxmox_lab.site.things import Machine
from proxmox_lab.tasks.locks import CLONE_WAIT
from proxmox_lab.tasks.task import Task

LINKED: Final = 0.3
_NOT_COPIED: Final = ("template", "lock", "parent", "snaptime", "digest")


async def clone(lab: Lab, order: Order, task: Task) -> None:
    """Make the clone; on failure or interruption nothing of it stays."""
    source = lab.site.machine(order.source)
    shared = not lab.guesthouse.is_running(order.source)
    async with lab.locks.config(order.newid, wait=CLONE_WAIT, say=task.say):
        if order.newid in lab.site.machines:
            raise taken(order.newid)
        if order.newid in lab.site.cluster:
            raise _taken_elsewhere(order.newid, lab.site.node)
        machine, wanted = _begin(lab, order), _wanted(order, source)
        try:
            async with lab.locks.config(order.source, shared=shared, wait=CLONE_WAIT, say=task.say):
                refuse_locked(source)
                await _copy(lab, order, source, (machine, wanted), task)
        except (WorkerDied, asyncio.CancelledError) as end:
            if task.is_doomed:
                _abandon(lab, machine)
                raise
            await _undo(lab, machine)
            raise Refusal(_interrupted(lab, order, source)) from end
        except BaseException:
            await _undo(lab, machine)
            raise


def taken(vmid: int) -> Refusal:
    """The id has a machine already."""
    return Refusal(f"unable to create VM {vmid}: config file already exists")


def _taken_elsewhere(vmid: int, node: str) -> Refusal:
    """The id has a machine on another node, which shows only when the file is to be written."""
    file = f"/etc/pve/nodes/{node}/qemu-server/{vmid}.conf"
    return Refusal(f"close (rename) atomic file '{file}' failed: File exists")


def _begin(lab: Lab, order: Order) -> Machine:
    """Reserve the id: until the first drive is there the configuration holds the lock alone."""
    template = lab.site.machine(order.source)
    config_so_far = {"lock": "clone"}
    name = template.template or template.name
    machine = Machine(vmid=order.newid, born=lab.clock.now(), config=config_so_far, template=name)
    lab.site.machines[machine.vmid] = machine
    lab.store.save_machine(machine)
    return machine


def _wanted(order: Order, source: Machine) -> dict[str, str]:
    now = {k: v for k, v in source.config.items() if k not in _NOT_COPIED}
    now = {k: v for k, v in now.items() if not k.startswith("unused")}
    for key in [k for k in now if config.DRIVE.match(k) and not is_none(now[k])]:
        del now[key]
    now |= {key: _with_new_mac(value) for key, value in now.items() if config.NET.match(key)}
    now["name"] = order.name or f"Copy-of-VM-{source.name}"
    now["smbios1"] = f"uuid={uuid.uuid4()}"
    now["vmgenid"] = str(uuid.uuid4())
    now["lock"] = "clone"
    if order.description:
        now["description"] = order.description
    return now


def is_none(drive: str) -> bool:
    """Tell an empty or physical CD drive."""
    return config.volume_of(drive) in ("none", "cdrom")


async def _copy(
    lab: Lab, order: Order, source: Machine, target: tuple[Machine, dict[str, str]], task: Task
) -> None:
    machine, wanted = target
    if lab.release.is_modern:
        task.say(f"creating a clone of VM {order.source} with ID {order.newid}")
    for key, volume in list(_drives(source)):
        wanted[key] = await copy_drive(lab, order, source, machine, (key, volume), task)
        task.die_if_doomed()
        machine.config = wanted
        if not order.full and not config.is_seed(volume):
            await task.spend(LINKED)
    machine.config = wanted
    await lab.guesthouse.create(machine, source=source, linked=not order.full)
    del machine.config["lock"]
    if order.pool:
        lab.site.rules.pools[order.pool].machines.add(machine.vmid)
        lab.store.save_rules(lab.site)
    machine.node = order.target or machine.node
    lab.store.save_machine(machine)


def _drives(source: Machine) -> Iterator[tuple[str, str]]:
    """Cloud-init drives first, as in the recorded logs; then by key."""
    for key, volume in sorted(config.drives(source.config)):
        if volume in source.volumes:
            yield key, volume


def _abandon(lab: Lab, machine: Machine) -> None:
    """Leave the half-made machine as it is: only root can take its lock away."""
    machine.abandoned = True
    lab.store.save_machine(machine)


async def _undo(lab: Lab, machine: Machine) -> None:
    lab.site.cluster.pop(machine.vmid, None)
    lab.store.forget_machine(machine.vmid)
    await lab.guesthouse.destroy(machine)


def _interrupted(lab: Lab, order: Order, source: Machine) -> str:
    volume = next((v for _, v in _drives(source) if not config.is_seed(v)), "local:0/none.qcow2")
    storage, _, file = volume.partition(":")
    old = f"{lab.site.storage(storage).path}/images/{file}"
    kind = source.volumes[volume].format if volume in source.volumes else "qcow2"
    target = lab.site.storage(order.storage or storage).path
    new = f"{target}/images/{order.newid}/vm-{order.newid}-disk-0.{order.format or kind}"
    command = f"/usr/bin/qemu-img convert -p -n -f {kind} -O {order.format or kind} {old}"
    return (
        f"clone failed: copy failed: command '{command} zeroinit:{new}' failed: "
        "interrupted by signal"
    )


def _with_new_mac(net: str) -> str:
    first, mark, rest = net.partition(",")
    return f"{first.partition('=')[0]}={random_mac()}{mark}{rest}"
