"""What was seen of a cluster, for the doctor to judge. Where looking failed stands the trouble."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from common.contracts.hypervisor import ClusterSettings
from vm_service.domain.trouble import Trouble

T = TypeVar("T")
Seen: TypeAlias = T | Trouble
Rights: TypeAlias = Mapping[str, frozenset[str]]  # privileges by path, or by role


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenStorage:
    """A storage as a node shows it. Sizes in bytes."""

    content: frozenset[str]
    active: bool
    shared: bool
    total: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenVM:
    """A VM, or template, as the cluster lists it."""

    vmid: int
    node: str
    name: str
    template: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What our living machines hold, by our own records."""

    vmids: frozenset[int] = frozenset()
    made: frozenset[int] = frozenset()  # of these, the ids of VMs that have been made
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Everything the doctor looked at. ``skew``: seconds Proxmox's clock is ahead of ours."""

    settings: ClusterSettings
    version: str
    skew: float | None = None
    separated: bool | None = None  # the token has rights of its own; unknown to humble ones
    roles: Seen[Rights] = field(default_factory=dict[str, frozenset[str]])
    rights: Seen[Rights] = field(default_factory=dict[str, frozenset[str]])  # where we need some
    everywhere: Seen[Rights] = field(default_factory=dict[str, frozenset[str]])
    pools: Seen[frozenset[str]] = frozenset()
    nodes: Seen[Mapping[str, bool]] = field(default_factory=dict[str, bool])  # online?
    vms: Seen[tuple[SeenVM, ...]] = ()
    templates: Mapping[int, Seen[Mapping[str, str]]] = field(
        default_factory=dict[int, Seen[Mapping[str, str]]]
    )  # configurations of those that are listed
    storages: Mapping[str, Seen[Mapping[str, SeenStorage]]] = field(
        default_factory=dict[str, Seen[Mapping[str, SeenStorage]]]
    )  # by node
    bridges: Mapping[str, Seen[Mapping[str, bool]]] = field(
        default_factory=dict[str, Seen[Mapping[str, bool]]]
    )  # by node: the bridges, and whether they know VLANs
    ours: Holdings = field(default_factory=Holdings)

    @property
    def major(self) -> int:
        """Return the major release; 0 if the version cannot be read."""
        head = self.version.partition(".")[0]
        return int(head) if head.isdecimal() else 0

    @property
    def usable_nodes(self) -> tuple[str, ...]:
        """Return the nodes on which new VMs may be made now."""
        online = known(self.nodes, dict[str, bool]())
        wanted = self.settings.nodes or tuple(sorted(online))
        drained = set(self.settings.drained)
        return tuple(node for node in wanted if online.get(node) and node not in drained)

    def troubles(self) -> Iterator[tuple[str, Trouble]]:
        """Yield what could not be looked at, by name."""
        for name in ("roles", "rights", "everywhere", "pools", "nodes", "vms"):
            if isinstance(seen := getattr(self, name), Trouble):
                yield name, seen
        for name, found in (
            ("storages", self.storages),
            ("bridges", self.bridges),
            ("template", self.templates),
        ):
            for place, seen in found.items():
                if isinstance(seen, Trouble):
                    yield f"{name} of {place}" if name != "template" else f"{name} {place}", seen


def known(seen: Seen[T], otherwise: T) -> T:
    """Return what was seen, or something else where looking failed."""
    return otherwise if isinstance(seen, Trouble) else seen


def volumes(config: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield the drives of a configuration: their key, storage, and whole text."""
    for key, text in sorted(config.items()):
        if key.rstrip("0123456789") in DRIVES and ":" in text.partition(",")[0]:
            yield key, text.partition(":")[0], text


DRIVES = frozenset({"scsi", "virtio", "sata", "ide", "efidisk", "tpmstate"})


def storages_of(config: Mapping[str, str]) -> frozenset[str]:
    """Return the storages a template's drives are on."""
    return frozenset(storage for _, storage, _ in volumes(config))
