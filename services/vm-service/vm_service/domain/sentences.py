"""The sentences of the log that open and close each step."""

from collections.abc import Mapping
from typing import Final

from vm_service.domain.machine import Machine
from vm_service.domain.program import Kind

BEGINNINGS: Final[Mapping[str, str]] = {
    "reserve": "Reserving a VM id and an address",
    "clone": "Cloning the template into VM {vmid} on node {node}",
    "configure": "Configuring VM {vmid}: {cores}, {memory} MiB memory, address {address}",
    "resize": "Growing the disk of VM {vmid} to {disk} GiB",
    "start": "Starting VM {vmid}",
    "address": "Waiting for the guest of VM {vmid} to answer at {address}",
    "shutdown": "Asking the guest of VM {vmid} to shut down",
    "reboot": "Restarting VM {vmid}",
    "snapshot": "Making a snapshot of VM {vmid}",
    "rollback": "Taking VM {vmid} back to its snapshot",
    "release": "Removing the snapshot of VM {vmid}",
    "convert": "Turning VM {vmid} into a template",
    "stop": "Stopping the VM",
    "destroy": "Removing the VM and its disks",
    "observe": "Letting go of VM {vmid}, looking how it stands",
}
OF_KIND: Final[Mapping[tuple[Kind, str], str]] = {
    (Kind.ROLLBACK, "stop"): "Stopping VM {vmid}, to take it back to its snapshot",
    (Kind.RESIZE, "reboot"): "Restarting VM {vmid}, if its new shape needs it",
}
ENDINGS: Final[Mapping[str, str]] = {
    "reserve": "Reserved VM {vmid} with address {address} on node {node}",
    "clone": "VM {vmid} is cloned",
    "configure": "VM {vmid} is configured",
    "resize": "The disk of VM {vmid} has the size of the plan",
    "start": "VM {vmid} is started",
    "address": "The guest answers at {address}, its host key is known",
    "shutdown": "VM {vmid} is off",
    "reboot": "VM {vmid} runs as it was configured",
    "snapshot": "VM {vmid} has a snapshot to go back to",
    "rollback": "VM {vmid} is as it was before the update",
    "release": "The snapshot of VM {vmid} is gone",
    "convert": "VM {vmid} is a template",
    "stop": "The VM is stopped",
    "destroy": "The VM is gone",
    "observe": "VM {vmid} is left as it is: {power}",
}


def beginning(machine: Machine) -> str:
    """Return the sentence that opens the step the machine is about to take."""
    assert machine.step is not None
    sentence = OF_KIND.get((machine.kind, machine.step)) or BEGINNINGS[machine.step]
    return _filled(sentence, machine)


def ending(step: str, machine: Machine) -> str:
    """Return the sentence that closes a step, for the machine it left behind."""
    return _filled(ENDINGS[step], machine)


def _filled(sentence: str, machine: Machine) -> str:
    plan = machine.spec.plan if machine.spec else None
    return sentence.format(
        vmid=machine.vmid,
        node=machine.node,
        address=machine.address or "by DHCP",
        power=machine.power,
        cores=plan and ("1 core" if plan.cores == 1 else f"{plan.cores} cores"),
        memory=plan.memory_mib if plan else None,
        disk=plan.disk_gib if plan else None,
    )
