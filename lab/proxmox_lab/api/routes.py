"""All methods the lab answers."""

from collections.abc import Mapping
from typing import Final

from proxmox_lab.api import (
    absences,
    access,
    agent,
    backup_jobs,
    backups,
    cloudinit,
    cluster,
    console,
    containers,
    content,
    datacenter,
    disks,
    figures,
    firewall_groups,
    firewall_rules,
    groups,
    host,
    node,
    people,
    pools,
    power,
    qemu,
    qemu_change,
    roles,
    snapshots,
    storage,
    storage_config,
    tasks,
    tokens,
    upload,
    volumes,
)
from proxmox_lab.call import Handler

ROUTES: Final[Mapping[str, Handler]] = {
    name: handler
    for topic in (
        absences,
        access,
        agent,
        backup_jobs,
        backups,
        cloudinit,
        cluster,
        console,
        containers,
        content,
        datacenter,
        disks,
        figures,
        firewall_groups,
        firewall_rules,
        groups,
        host,
        node,
        people,
        pools,
        power,
        qemu,
        qemu_change,
        roles,
        snapshots,
        storage,
        storage_config,
        tasks,
        tokens,
        upload,
        volumes,
    )
    for name, handler in topic.ROUTES.items()
}
