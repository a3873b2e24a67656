"""All methods the lab answers."""

from collections.abc import Mapping
from typing import Final

from proxmox_lab.api import (
    access,
    agent,
    cluster,
    node,
    people,
    pools,
    power,
    qemu,
    qemu_change,
    storage,
    tasks,
)
from proxmox_lab.call import Handler

ROUTES: Final[Mapping[str, Handler]] = {
    name: handler
    for topic in (
        access,
        agent,
        cluster,
        node,
        people,
        pools,
        power,
        qemu,
        qemu_change,
        storage,
        tasks,
    )
    for name, handler in topic.ROUTES.items()
}
