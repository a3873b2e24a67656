"""A foreign machine that somebody makes under an id, out of the blue."""

import uuid
from typing import Final

from proxmox_lab.doing import STRANGER, as_somebody
from proxmox_lab.site.seed import random_mac
from proxmox_lab.site.site import Site
from proxmox_lab.site.store import Store
from proxmox_lab.site.things import Machine

NAME: Final = "stranger"


def settle_stranger(site: Site, store: Store, vmid: int, *, node: str | None = None) -> bool:
    """Put a machine that belongs to others under the id; False if the id has one already."""
    if vmid in site.cluster:
        return False
    config = {
        "name": f"{NAME}-{vmid}", "cores": "1", "memory": "512", "ostype": "l26",
        "net0": f"virtio={random_mac()},bridge=vmbr0", "scsihw": "virtio-scsi-single",
        "smbios1": f"uuid={uuid.uuid4()}", "vmgenid": str(uuid.uuid4()),
    }  # fmt: skip
    machine = Machine(vmid=vmid, node=node if node in site.nodes else site.node, config=config)
    site.cluster[vmid] = machine
    with as_somebody(STRANGER):
        store.save_machine(machine)
    return True
