"""Making a machine from nothing."""

import uuid
from contextlib import suppress
from typing import Final

from proxmox_lab.actions import keys
from proxmox_lab.actions.drive_change import attach
from proxmox_lab.call import Call
from proxmox_lab.machines import config, values
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.site import Site
from proxmox_lab.site.things import Machine
from proxmox_lab.tasks.task import Task

_NOT_KEPT: Final = frozenset(
    {"node", "vmid", "pool", "start", "storage", "archive", "force", "unique", "bwlimit"}
)


def refuse_keys(call: Call, pool: str | None) -> None:
    """Refuse what the caller may not set; rights on the pool are as good as on the machine."""
    for key in (key for key in call.parameters if key not in _NOT_KEPT):
        if pool:
            with suppress(Refusal):
                keys.may_change(call, key, call.text(key), path=f"/pool/{pool}")
                continue
        keys.may_change(call, key, call.text(key))


async def create(call: Call, task: Task) -> None:
    """Lay the machine out: plain values, then drives, then its pool."""
    lab, vmid = call.lab, call.vmid
    async with lab.locks.config(vmid, say=task.say):
        now = int(lab.clock.now())
        machine = Machine(
            vmid=vmid,
            born=lab.clock.now(),
            config={
                "meta": f"creation-qemu=9.2.0,ctime={now}",
                "smbios1": f"uuid={uuid.uuid4()}",
                "vmgenid": str(uuid.uuid4()),
            },
        )
        given = {key: call.text(key) for key in call.parameters if key not in _NOT_KEPT}
        for key, value in given.items():
            if config.DRIVE.match(key):
                attach(lab, machine, (key, value), task)
            else:
                machine.config[key] = values.stored(key, value)
        machine.config.setdefault("boot", "order=" + ";".join(_bootable(machine)))
        if vmid in lab.site.cluster:
            raise exists(lab.site, vmid)
        lab.site.machines[vmid] = machine
        lab.store.save_machine(machine)
        pool = lab.site.rules.pools.get(call.text("pool"))
        if pool:
            pool.machines.add(vmid)
            lab.store.save_rules(lab.site)


def exists(site: Site, vmid: int) -> Refusal:
    """The id has a machine already, on this node or another."""
    node = site.cluster[vmid].node
    return Refusal(f"unable to create VM {vmid} - VM {vmid} already exists on node '{node}'")


def _bootable(machine: Machine) -> list[str]:
    disks = [key for key, volume in config.drives(machine.config) if not config.is_seed(volume)]
    return disks + [key for key in machine.config if config.NET.match(key)]
