"""The whole site: one node and everything on it."""

from collections.abc import Iterator

from pydantic import BaseModel

from proxmox_lab.refusal import Refusal, no_config
from proxmox_lab.site.people import AclEntry, User
from proxmox_lab.site.things import Machine, Pool, Storage, Volume


class Rules(BaseModel):
    """All that is not a machine, kept in one file."""

    node: str = "pve"
    bridges: dict[str, str] = {"vmbr0": "10.77.0.1/16"}
    cpus: int = 8
    memory: int = 32 << 30
    disk: int = 512 << 30
    storages: dict[str, Storage] = {}
    pools: dict[str, Pool] = {}
    users: dict[str, User] = {}
    roles: dict[str, list[str]] = {}
    acl: list[AclEntry] = []
    ticket_key: str = ""


class Site:
    """Machines by id, and the rules."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.machines: dict[int, Machine] = {}

    @property
    def node(self) -> str:
        return self.rules.node

    def machine(self, vmid: int) -> Machine:
        """Return the machine, or refuse in the words most methods use."""
        found = self.machines.get(vmid)
        if found is None:
            raise no_config(vmid, self.node)
        return found

    def storage(self, name: str) -> Storage:
        """Return the storage, or refuse."""
        found = self.rules.storages.get(name)
        if found is None:
            raise Refusal(f"storage '{name}' does not exist")
        return found

    def pool_of(self, vmid: int) -> str | None:
        """Name the pool a machine is in."""
        return next((n for n, pool in self.rules.pools.items() if vmid in pool.machines), None)

    def volumes(self) -> Iterator[tuple[str, Volume]]:
        """Walk over all volumes of all machines."""
        for machine in self.machines.values():
            yield from machine.volumes.items()

    def next_free_id(self) -> int:
        """Return the lowest free id. It reserves nothing."""
        return next(vmid for vmid in range(100, 1_000_000) if vmid not in self.machines)
