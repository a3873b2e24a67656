"""``/version`` and ``/cluster``: the site at large."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.actions import status
from proxmox_lab.api import node
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import invalid


async def root_index(_: Call) -> list[dict[str, str]]:
    """Name what the API holds."""
    names = ("version", "cluster", "nodes", "storage", "access", "pools")
    return [{"subdir": name} for name in names]


async def next_id(call: Call) -> str:
    """Return the lowest free id as text; it reserves nothing."""
    wanted = call.text("vmid")
    if wanted and int(wanted) in call.lab.site.machines:
        raise invalid({"vmid": f"VM {wanted} already exists"})
    return wanted or str(call.lab.site.next_free_id())


async def cluster_status(call: Call) -> list[dict[str, Any]]:
    """Tell which nodes are up."""
    name = call.lab.site.node
    return [
        {"type": "node", "id": f"node/{name}", "name": name, "ip": "127.0.0.1", "nodeid": 0,
         "local": 1, "online": 1, "level": ""}
    ]  # fmt: skip


async def options(_: Call) -> dict[str, Any]:
    """Tell the cluster's settings."""
    return {"mac_prefix": "BC:24:11", "allowed-tags": [], "description": ""}


async def resources(call: Call) -> list[dict[str, Any]]:
    """List everything the caller may see."""
    parts = {"vm": _machines, "node": _nodes, "storage": _storages, "sdn": _networks}
    kind = call.text("type")
    if kind:
        return parts[kind](call)
    return [*_pools(call), *(entry for part in parts.values() for entry in part(call))]


def _machines(call: Call) -> list[dict[str, Any]]:
    return [
        status.resource(call.lab, machine)
        for machine in list(call.lab.site.machines.values())
        if call.lab.rights.has(call.caller, f"/vms/{machine.vmid}", "VM.Audit")
    ]


def _pools(call: Call) -> list[dict[str, Any]]:
    return [
        {"id": f"/pool/{name}", "pool": name, "type": "pool"}
        for name in call.lab.site.rules.pools
        if call.lab.rights.has(call.caller, f"/pool/{name}", "Pool.Audit")
    ]


def _storages(call: Call) -> list[dict[str, Any]]:
    rules = call.lab.site.rules
    return [
        {"id": f"storage/{rules.node}/{name}", "type": "storage", "storage": name,
         "node": rules.node, "status": "available", "shared": 0, "plugintype": "dir",
         "content": ",".join(storage.content), "maxdisk": rules.disk, "disk": rules.disk // 8}
        for name, storage in rules.storages.items()
        if call.lab.rights.has(
            call.caller, f"/storage/{name}", "Datastore.Audit", "Datastore.AllocateSpace"
        )
    ]  # fmt: skip


def _networks(call: Call) -> list[dict[str, Any]]:
    name, zone = call.lab.site.node, "/sdn/zones/localnetwork"
    if not call.lab.rights.has(call.caller, zone, "SDN.Audit", "SDN.Use"):
        return []
    shown: dict[str, Any] = {"node": name, "status": "ok"}
    if call.lab.release.is_modern:
        zone_id = f"network/{name}/zone/localnetwork"
        shown |= {
            "id": zone_id,
            "type": "network",
            "network": "localnetwork",
            "network-type": "zone",
        }
        return [shown]
    return [shown | {"id": f"sdn/{name}/localnetwork", "type": "sdn", "sdn": "localnetwork"}]


def _nodes(call: Call) -> list[dict[str, Any]]:
    shown = node.summary(call)
    del shown["ssl_fingerprint"]
    return [shown | ({"cgroup-mode": 2} if "maxcpu" in shown else {})]


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /": root_index,
    "GET /version": node.version,
    "GET /cluster/nextid": next_id,
    "GET /cluster/status": cluster_status,
    "GET /cluster/options": options,
    "GET /cluster/resources": resources,
}
