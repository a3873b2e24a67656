"""The whole site: its nodes and everything on them, seen from above or from one node."""

from collections.abc import Iterator, MutableMapping
from typing import Any, cast

from pydantic import BaseModel, model_validator

from proxmox_lab.refusal import Refusal, no_config
from proxmox_lab.site.firewall import Firewall
from proxmox_lab.site.nodes import FIRST, MachinesOfNode, Node
from proxmox_lab.site.people import AclEntry, Group, User
from proxmox_lab.site.things import Machine, Pool, Storage, Volume


class Rules(BaseModel):
    """All that is not a machine, kept in one file."""

    nodes: dict[str, Node] = {FIRST: Node()}
    storages: dict[str, Storage] = {}
    pools: dict[str, Pool] = {}
    users: dict[str, User] = {}
    groups: dict[str, Group] = {}
    roles: dict[str, list[str]] = {}
    acl: list[AclEntry] = []
    backup_jobs: dict[str, dict[str, str]] = {}
    ticket_key: str = ""
    firewalls: dict[str, Firewall] = {}  # by machine's id, and the cluster's own

    @model_validator(mode="before")
    @classmethod
    def _from_one_node(cls, raw: object) -> object:
        """Files of labs that had only one node tell about it at the top."""
        if not isinstance(raw, dict) or "nodes" in raw:
            return cast("object", raw)
        given = cast("dict[str, Any]", raw)
        told = {key: given[key] for key in Node.model_fields if key in given}
        return given | {"nodes": {given.get("node", FIRST): told}}


class Site:
    """Machines by id, and the rules. ``on`` gives the same site as one node sees it."""

    def __init__(self, rules: Rules, *, machines: dict[int, Machine] | None = None) -> None:
        self.rules = rules
        self.cluster: dict[int, Machine] = {} if machines is None else machines
        self.machines: MutableMapping[int, Machine] = self.cluster
        self.node = next(iter(rules.nodes))

    def on(self, node: str) -> "Site":
        """Return the view of a node: its own machines, all else shared."""
        seen = Site(self.rules, machines=self.cluster)
        seen.node = node
        seen.machines = MachinesOfNode(self.cluster, node)
        return seen

    @property
    def nodes(self) -> dict[str, Node]:
        return self.rules.nodes

    @property
    def host(self) -> Node:
        """The node this view is of; the first one when seen from above."""
        return self.rules.nodes[self.node]

    @property
    def storages(self) -> dict[str, Storage]:
        return self.rules.storages

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

    def usable(self, name: str) -> Storage:
        """Return a storage that may be used on this node, or refuse."""
        found = self.storage(name)
        if found.disabled:
            raise Refusal(f"storage '{name}' is disabled")
        if not found.is_on(self.node):
            raise Refusal(f"storage '{name}' is not available on node '{self.node}'")
        return found

    def pool_of(self, vmid: int) -> str | None:
        """Name the pool a machine is in."""
        return next((n for n, pool in self.rules.pools.items() if vmid in pool.machines), None)

    def volumes(self) -> Iterator[tuple[str, Volume]]:
        """Walk over all volumes that are seen from here: one's own and those on shared storages."""
        for machine in self.cluster.values():
            for volid, volume in machine.volumes.items():
                if machine.vmid in self.machines or self._is_shared(volid):
                    yield volid, volume

    def _is_shared(self, volid: str) -> bool:
        storage = self.rules.storages.get(volid.partition(":")[0])
        return storage is not None and storage.shared

    def next_free_id(self) -> int:
        """Return the lowest free id. It reserves nothing."""
        return next(vmid for vmid in range(100, 1_000_000) if vmid not in self.cluster)
