"""What the doctor reads of Proxmox's answers, turned into what a chart holds."""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, JsonValue, TypeAdapter

from vm_service.domain.doctor.chart import Rights, SeenStorage, SeenVM


class Version(BaseModel):
    """The release."""

    version: str


class Node(BaseModel):
    """A node, as everybody may see it."""

    node: str
    status: str = "unknown"


class VM(BaseModel):
    """A VM or container in the list of the cluster."""

    vmid: int
    node: str
    name: str = ""
    template: int = 0


class Storage(BaseModel):
    """A storage, as a node shows it."""

    storage: str
    content: str = ""
    active: int = 0
    shared: int = 0
    total: int = 0
    avail: int = 0


class Bridge(BaseModel):
    """A bridge of a node."""

    iface: str
    bridge_vlan_aware: int = 0


class Pool(BaseModel):
    """A pool."""

    poolid: str


class Role(BaseModel):
    """A role, its privileges separated by commas."""

    roleid: str
    privs: str = ""


class Token(BaseModel):
    """An API token, without its secret."""

    privsep: int = 1


VERSION: Final = TypeAdapter(Version)
NODES: Final = TypeAdapter(list[Node])
VMS: Final = TypeAdapter(list[VM])
STORAGES: Final = TypeAdapter(list[Storage])
BRIDGES: Final = TypeAdapter(list[Bridge])
POOLS: Final = TypeAdapter(list[Pool])
ROLES: Final = TypeAdapter(list[Role])
TOKEN: Final = TypeAdapter(Token)
RIGHTS: Final = TypeAdapter(dict[str, dict[str, int]])


def online(listed: list[Node]) -> Mapping[str, bool]:
    """Tell of each node whether it is online."""
    return {one.node: one.status == "online" for one in listed}


def vms(listed: list[VM]) -> tuple[SeenVM, ...]:
    """Return the VMs and templates."""
    return tuple(
        SeenVM(vmid=one.vmid, node=one.node, name=one.name, template=bool(one.template))
        for one in listed
    )


def storages(listed: list[Storage]) -> Mapping[str, SeenStorage]:
    """Return the storages by name."""
    return {
        one.storage: SeenStorage(
            content=frozenset(filter(None, one.content.split(","))),
            active=bool(one.active),
            shared=bool(one.shared),
            total=one.total,
            free=one.avail,
        )
        for one in listed
    }


def bridges(listed: list[Bridge]) -> Mapping[str, bool]:
    """Tell of each bridge whether it knows VLANs."""
    return {one.iface: bool(one.bridge_vlan_aware) for one in listed}


def pools(listed: list[Pool]) -> frozenset[str]:
    """Return the names of the pools."""
    return frozenset(one.poolid for one in listed)


def roles(listed: list[Role]) -> Rights:
    """Return each role's privileges."""
    return {one.roleid: frozenset(filter(None, one.privs.split(","))) for one in listed}


def rights(found: Mapping[str, Mapping[str, int]]) -> Rights:
    """Return the privileges on each path; the number only tells whether they propagate."""
    return {path: frozenset(names) for path, names in found.items()}


def separated(token: Token) -> bool | None:
    """Tell whether the token has rights of its own."""
    return bool(token.privsep)


def texts(config: Mapping[str, JsonValue]) -> Mapping[str, str]:
    """Return a configuration with every value as text."""
    return {key: str(value) for key, value in config.items()}
