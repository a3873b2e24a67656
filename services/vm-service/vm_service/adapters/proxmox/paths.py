"""Paths of Proxmox's API, put together of nothing but names of nodes, numbers and task ids."""

import re
from typing import Final

from common.contracts.hypervisor import NODE
from vm_service.domain.trouble import Trouble, Verdict

LOWEST_VMID: Final = 100
HIGHEST_VMID: Final = 999_999_999

_NODE: Final = re.compile(NODE)
_SNAPSHOT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,39}")
_UPID: Final = re.compile(
    r"UPID:(?P<node>[A-Za-z0-9-]+):[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:[^:\s/%?#]+:[^:\s/%?#]*"
    r":[^:\s/%?#]+:"
)


def node_path(node: str, rest: str) -> str:
    """Return the path of something a node has."""
    if not _NODE.fullmatch(node):
        raise Trouble(Verdict.REFUSED, f"{node!r} is not a node's name")
    return f"nodes/{node}/{rest}"


def vm_path(node: str, vmid: int, rest: str = "") -> str:
    """Return the path of a VM, or of something it has."""
    if not LOWEST_VMID <= vmid <= HIGHEST_VMID:
        raise Trouble(Verdict.REFUSED, f"{vmid} is not a VM id")
    return node_path(node, f"qemu/{vmid:d}/{rest}".rstrip("/"))


def snapshot_path(node: str, vmid: int, name: str, rest: str = "") -> str:
    """Return the path of a VM's snapshot, or of what can be done with it."""
    if not _SNAPSHOT.fullmatch(name):
        raise Trouble(Verdict.REFUSED, f"{name!r} is not a snapshot's name")
    return vm_path(node, vmid, f"snapshot/{name}/{rest}")


def task_path(upid: str, rest: str = "") -> str:
    """Return the path of a task; its id names the node it runs on."""
    match = _UPID.fullmatch(upid)
    if match is None:
        raise Trouble(Verdict.UNKNOWN, f"{upid!r} is not a task's id")
    return node_path(match["node"], f"tasks/{upid}/{rest}".rstrip("/"))
