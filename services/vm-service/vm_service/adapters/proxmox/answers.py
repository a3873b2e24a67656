"""Proxmox's answers, read tolerantly: numbers may be strings, keys may be missing."""

import re
from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import BaseModel, Field, JsonValue, TypeAdapter, ValidationError

from vm_service.domain.ownership import Disk, Sighting
from vm_service.domain.trouble import Trouble, Verdict

T = TypeVar("T")

UNITS: Final[Mapping[str, int]] = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}

_ORDER: Final = re.compile(r"order=([\w;]+)")
_SIZE: Final = re.compile(r"(?:^|,)size=(\d+(?:\.\d+)?)([KMGT]?)(?:,|$)")
_DRIVE: Final = re.compile(r"(?:scsi|virtio|sata|ide|efidisk|tpmstate)\d+")
_BASE: Final = re.compile(r"[^,:]+:(?:[^,]*/)?base-[^,/]*(?:,|$)")
_DISK_NAMES: Final = ("scsi0", "virtio0", "sata0", "ide0")


class Resource(BaseModel):
    """An entry in the list of the cluster. A VM just made has neither name nor status yet."""

    type: str = "qemu"
    vmid: int = 0
    node: str
    name: str = ""
    status: str = "unknown"
    template: bool = False
    lock: str | None = None
    pool: str | None = None
    storage: str = ""
    shared: bool = False
    content: str = ""
    cpu: float = 0.0
    mem: int = 0
    maxmem: int = 0
    disk: int = 0
    maxdisk: int = 0


class ClusterEntry(BaseModel):
    """A node, or the cluster itself."""

    ip: str | None = None


class NodeInterface(BaseModel):
    """A network interface of a node."""

    address: str | None = None
    address6: str | None = None


class Status(BaseModel):
    """How a VM stands."""

    status: str
    uptime: float = 0.0
    lock: str | None = None


class PendingEntry(BaseModel):
    """A line of a VM's config, with what it will be after a restart."""

    pending: JsonValue = None
    delete: int = 0

    @property
    def is_pending(self) -> bool:
        """Tell whether a restart would change the line."""
        return self.pending is not None or self.delete > 0


class ListedSnapshot(BaseModel):
    """A snapshot, or the present, which is listed as one."""

    name: str
    description: str = ""
    snapstate: str | None = None


class TaskStatus(BaseModel):
    """A task, as its status call tells it."""

    status: str
    exitstatus: str | None = None


class ListedTask(BaseModel):
    """A task, as the node's list tells it."""

    upid: str
    starttime: int = 0


class LogEntry(BaseModel):
    """A line of a task's log."""

    t: str = ""


class GuestAddress(BaseModel):
    """An address a guest claims."""

    address: str = Field(default="", alias="ip-address")


class GuestInterface(BaseModel):
    """An interface a guest claims; without a cable it has no addresses."""

    addresses: list[GuestAddress] = Field(default=[], alias="ip-addresses")


class GuestInterfaces(BaseModel):
    """The agent's answer; an agent's error comes as an object in place of the list."""

    result: list[GuestInterface]


class GuestFilesystem(BaseModel):
    """A file system of a guest; some have no size."""

    mountpoint: str = ""
    total: int | None = Field(default=None, alias="total-bytes")
    used: int | None = Field(default=None, alias="used-bytes")


class GuestFilesystems(BaseModel):
    """The agent's answer; an agent's error comes as an object in place of the list."""

    result: list[GuestFilesystem]


class GuestFile(BaseModel):
    """The head of a file in the guest."""

    content: str = ""


RESOURCES: Final = TypeAdapter(list[Resource])
CLUSTER: Final = TypeAdapter(list[ClusterEntry])
INTERFACE_LIST: Final = TypeAdapter(list[NodeInterface])
STATUS: Final = TypeAdapter(Status)
PENDING: Final = TypeAdapter(list[PendingEntry])
SNAPSHOTS: Final = TypeAdapter(list[ListedSnapshot])
TASKS: Final = TypeAdapter(list[ListedTask])
TASK_STATUS: Final = TypeAdapter(TaskStatus)
LOG: Final = TypeAdapter(list[LogEntry])
CONFIG: Final = TypeAdapter(dict[str, JsonValue])
INTERFACES: Final = TypeAdapter(GuestInterfaces)
FILESYSTEMS: Final = TypeAdapter(GuestFilesystems)
FILE: Final = TypeAdapter(GuestFile)
UPID: Final = TypeAdapter(str)


def read(adapter: TypeAdapter[T], answer: JsonValue) -> T:
    """Return the answer as what it should be; what is not understood proves nothing."""
    try:
        return adapter.validate_python(answer)
    except ValidationError as error:
        text = f"Proxmox's answer is not understood ({error.error_count()} errors)"
        raise Trouble(Verdict.UNKNOWN, text) from error


def sighting(node: str, config: Mapping[str, JsonValue]) -> Sighting:
    """Return what a VM's config shows."""
    return Sighting(
        node=node,
        description=str(config.get("description") or ""),
        lock=str(config.get("lock") or "") or None,
        disk=_system_disk(config),
        card=str(config.get("net0") or ""),
        onboot=str(config.get("onboot")) == "1",
        template=str(config.get("template")) == "1",
    )


def storages(config: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Return the storages a VM's drives are on, the system disk's first."""
    system = _system_disk(config)
    drives = sorted(name for name in config if _DRIVE.fullmatch(name))
    names = ([system.name] if system else []) + drives
    found = (str(config[name]).partition(",")[0].partition(":") for name in names)
    return tuple(dict.fromkeys(storage for storage, colon, _ in found if colon))


def _system_disk(config: Mapping[str, JsonValue]) -> Disk | None:
    """Find the disk the VM boots from."""
    order = _ORDER.search(str(config.get("boot") or ""))
    names = (*(order[1].split(";") if order else ()), *_DISK_NAMES)
    for name in names:
        text = str(config.get(name) or "")
        size = _SIZE.search(text)
        if size and "media=cdrom" not in text:
            size_in_bytes = int(float(size[1]) * UNITS[size[2]])
            return Disk(name=name, size=size_in_bytes, base=bool(_BASE.match(text)))
    return None
