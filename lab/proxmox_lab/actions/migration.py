"""Moving a machine to another node: its configuration goes there, and its local disks with it."""

from typing import Final

from proxmox_lab.actions.power import refuse_locked
from proxmox_lab.call import Lab
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.things import Machine
from proxmox_lab.tasks.task import Task

MIGRATE: Final = 1.0


def local_drives(lab: Lab, machine: Machine) -> list[tuple[str, str]]:
    """List the drives that only the machine's own node can read."""
    return [
        (key, volid)
        for key, volid in config.drives(machine.config)
        if volid in machine.volumes and not lab.site.storage(volid.partition(":")[0]).shared
    ]


def reachable(lab: Lab, machine: Machine) -> list[str]:
    """List the other nodes that are up and have every storage the machine needs."""
    needed = {volid.partition(":")[0] for volid in machine.volumes}
    return [
        name
        for name, node in lab.site.nodes.items()
        if name != machine.node
        and node.online
        and all(lab.site.storage(storage).is_on(name) for storage in needed)
    ]


async def migrate(lab: Lab, vmid: int, target: str, task: Task) -> None:
    """Move the machine; it is locked meanwhile, and stays where it is if anything fails."""
    async with lab.locks.config(vmid, say=task.say):
        machine = lab.site.machine(vmid)
        refuse_locked(machine)
        _say(lab, task, f"starting migration of VM {vmid} to node '{target}' "
             f"({lab.site.nodes[target].address})")  # fmt: skip
        _refuse_linked(lab, machine, task)
        if target not in reachable(lab, machine):
            _say(lab, task, f"ERROR: migration aborted: node '{target}' lacks a storage or is down")
            raise Refusal("migration aborted")
        for key, volid in local_drives(lab, machine):
            _say(lab, task, f"found local disk '{volid}' (attached as {key})")
        machine.config["lock"] = "migrate"
        try:
            await task.spend(MIGRATE)
            machine.node = target
        finally:
            machine.config.pop("lock", None)
            lab.store.save_machine(machine)
        _say(lab, task, "migration finished successfully (duration 00:00:01)")


def _refuse_linked(lab: Lab, machine: Machine, task: Task) -> None:
    for _, volid in local_drives(lab, machine):
        parent = machine.volumes[volid].parent
        if parent:
            base = parent.rpartition("/")[2]
            _say(lab, task, f"ERROR: can't migrate '{volid}' as it's a clone of '{base}'")
            raise Refusal("migration aborted")


def _say(lab: Lab, task: Task, line: str) -> None:
    task.say(f"{lab.clock.shown()} {line}")
