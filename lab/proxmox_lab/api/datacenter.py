"""``/cluster/…``: its log, its members, and the many things a small site has none of."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxmox_lab.call import Call, Handler
from proxmox_lab.tasks.task import Task

_NAMES: Final = (
    "log", "options", "replication", "backup", "config", "firewall", "ha", "acme", "ceph", "jobs",
    "mapping", "metrics", "notifications", "sdn", "backup-info", "resources", "tasks", "status",
    "nextid",
)  # fmt: skip
_SHOWN: Final = 50


async def index(_: Call) -> list[dict[str, str]]:
    """Name what there is to a cluster."""
    return [{"name": name} for name in _NAMES]


async def log(call: Call) -> list[dict[str, Any]]:
    """Tell what was begun and ended, the newest first; others' only with Sys.Syslog."""
    everything = call.lab.rights.has(call.caller, "/", "Sys.Syslog")
    told = [
        (when, text, task)
        for task in call.lab.tasks.newest_first()
        if everything or task.upid.user == call.caller.user
        for when, text in _lines(task)
    ]
    newest = sorted(told, key=lambda line: -line[0])[: call.number("max", _SHOWN)]
    return [
        {"uid": str(number), "id": f"{number}:{task.upid.node}", "node": task.upid.node,
         "pid": task.upid.pid, "pri": 6, "tag": "pvedaemon", "time": when, "msg": text,
         "user": task.upid.owner}
        for number, (when, text, task) in zip(range(len(told), 0, -1), newest, strict=False)
    ]  # fmt: skip


def _lines(task: Task) -> Iterator[tuple[int, str]]:
    if task.endtime is not None:
        yield task.endtime, f"end task {task.upid} {task.exitstatus}"
    yield task.upid.starttime, f"starting task {task.upid}"


async def members(call: Call) -> list[dict[str, Any]]:
    """List the members of the cluster; a node alone is none."""
    nodes = call.lab.site.nodes
    if len(nodes) == 1:
        return []
    return [
        {"node": name, "name": name, "nodeid": str(number), "quorum_votes": "1",
         "ring0_addr": host.address}
        for number, (name, host) in enumerate(nodes.items(), 1)
    ]  # fmt: skip


async def availability(call: Call) -> list[dict[str, Any]]:
    """Tell that high availability waits for something to do."""
    node = call.lab.site.node
    shown: list[dict[str, Any]] = [
        {"id": "quorum", "type": "quorum", "node": node, "quorate": 1, "status": "OK"}
    ]
    if call.lab.release.is_modern:
        standby = {"status": "standby (CRM watchdog standby)", "armed-state": "standby"}
        shown.append({"id": "fencing", "type": "fencing", "node": node, **standby})
    return shown


async def availability_index(_: Call) -> list[dict[str, str]]:
    """Name what is told of high availability."""
    return [{"name": "current"}, {"name": "manager_status"}]


async def zones(call: Call) -> list[dict[str, Any]]:
    """List the node's zones: the one that its bridges make up."""
    seen = call.lab.rights.has(
        call.caller, "/sdn/zones/localnetwork", "SDN.Audit", "SDN.Use", "SDN.Allocate"
    )
    return [{"zone": "localnetwork", "status": "available"}] if seen else []


async def nothing(_: Call) -> list[Any]:
    """List what a small site has none of."""
    return []


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /cluster": index,
    "GET /cluster/log": log,
    "GET /cluster/config/nodes": members,
    "GET /cluster/ha/status": availability_index,
    "GET /cluster/ha/status/current": availability,
    "GET /cluster/ha/resources": nothing,
    "GET /cluster/replication": nothing,
    "GET /cluster/mapping/pci": nothing,
    "GET /cluster/mapping/usb": nothing,
    "GET /cluster/sdn/vnets": nothing,
    "GET /cluster/sdn/zones": nothing,
    "GET /cluster/backup-info/not-backed-up": nothing,
    "GET /nodes/{node}/sdn/zones": zones,
}
