"""The hosts of a site: what each has, and whether it is up."""

from collections.abc import Iterator, MutableMapping

from pydantic import BaseModel

from proxmox_lab.site.things import Machine

FIRST: str = "pve"
FIRST_ADDRESS: str = "10.77.0.1/16"
_LATER_ADDRESS: str = "10.77.255.{}/16"


class Node(BaseModel):
    """One host. ``online`` false: nobody reaches it, and what runs on it is unknown."""

    online: bool = True
    cpus: int = 8
    memory: int = 32 << 30
    disk: int = 512 << 30
    bridges: dict[str, str] = {"vmbr0": FIRST_ADDRESS}

    @property
    def address(self) -> str:
        """The address other nodes know it by, without a prefix."""
        return next(iter(self.bridges.values()), "127.0.0.1").partition("/")[0]


def named_nodes(count: int) -> dict[str, Node]:
    """Lay out hosts named ``pve``, ``pve2``, ``pve3`` and so on."""
    later = {
        f"{FIRST}{number}": Node(bridges={"vmbr0": _LATER_ADDRESS.format(number)})
        for number in range(2, count + 1)
    }
    return {FIRST: Node()} | later


class MachinesOfNode(MutableMapping[int, Machine]):
    """The machines of one node, as a view of those of the cluster."""

    def __init__(self, cluster: dict[int, Machine], node: str) -> None:
        self._cluster = cluster
        self._node = node

    def __getitem__(self, vmid: int) -> Machine:
        found = self._cluster[vmid]
        if found.node != self._node:
            raise KeyError(vmid)
        return found

    def __setitem__(self, vmid: int, machine: Machine) -> None:
        machine.node = self._node
        self._cluster[vmid] = machine

    def __delitem__(self, vmid: int) -> None:
        del self._cluster[self[vmid].vmid]

    def __iter__(self) -> Iterator[int]:
        return (vmid for vmid, found in self._cluster.items() if found.node == self._node)

    def __len__(self) -> int:
        return sum(1 for _ in self)
