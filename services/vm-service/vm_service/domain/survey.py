"""What is known of a cluster before a VM is placed, and what the settings say about it."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Bytes that are free, and bytes in all."""

    free: int
    total: int

    def share_after(self, used: int) -> float:
        """Return the share that is free once so much is used."""
        return max(0.0, (self.free - used) / self.total) if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of the cluster. ``memory``: none if we may not know."""

    name: str
    online: bool = True
    memory: Room | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A storage as one node has it. ``room``: none if we may not know."""

    node: str
    name: str
    shared: bool = False
    room: Room | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template and the storages its disks are on; the system disk's comes first.

    ``baked``: one that we have made ourselves, for a game.
    """

    vmid: int
    node: str
    storages: tuple[str, ...] = ()
    baked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the cluster looks like."""

    nodes: tuple[Node, ...]
    stores: tuple[Store, ...] = ()
    templates: tuple[Template, ...] = ()

    def store(self, node: str, name: str) -> Store | None:
        """Return a storage as one node has it."""
        return next((s for s in self.stores if (s.node, s.name) == (node, name)), None)

    def is_shared(self, name: str) -> bool:
        """Tell whether what lies on a storage is there on every node."""
        return any(store.shared for store in self.stores if store.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the settings say. ``allowed``: none means all nodes. ``storage``: of full clones."""

    allowed: AbstractSet[str] = frozenset()
    drained: AbstractSet[str] = frozenset()
    full: bool = False
    storage: str | None = None
