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
    if wanted and int(wanted) in call.lab.site.cluster:
        raise invalid({"vmid": f"VM {wanted} already exists"})
    return wanted or str(call.lab.site.next_free_id())


async def cluster_status(call: Call) -> list[dict[str, Any]]:
    """Tell which nodes are up."""
    site = call.lab.site
    alone = len(site.nodes) == 1
    hosts = [
        {"type": "node", "id": f"node/{name}", "name": name, "ip": host.address,
         "nodeid": 0 if alone else number, "local": int(name == site.node),
         "online": int(host.online), "level": ""}
        for number, (name, host) in enumerate(site.nodes.items(), 1)
    ]  # fmt: skip
    up = sum(host.online for host in site.nodes.values())
    cluster = {
        "type": "cluster", "id": "cluster", "name": "lab", "version": len(hosts),
        "nodes": len(hosts), "quorate": int(up * 2 > len(hosts)),
    }  # fmt: skip
    return hosts if alone else [cluster, *hosts]


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
    machines = call.lab.site.machines
    seen = call.lab.rights.machines(call.caller, list(machines), "VM.Audit")
    return [status.resource(call.lab, machines[vmid]) for vmid in seen]


def _pools(call: Call) -> list[dict[str, Any]]:
    return [
        {"id": f"/pool/{name}", "pool": name, "type": "pool"}
        for name in call.lab.site.rules.pools
        if call.lab.rights.has(call.caller, f"/pool/{name}", "Pool.Audit")
    ]


def _storages(call: Call) -> list[dict[str, Any]]:
    return [
        status.storage_resource(call.lab, node, name)
        for name, storage in call.lab.site.storages.items()
        if call.lab.rights.has(
            call.caller, f"/storage/{name}", "Datastore.Audit", "Datastore.AllocateSpace"
        )
        for node in call.lab.site.nodes
        if storage.is_on(node) and not storage.disabled
    ]


def _networks(call: Call) -> list[dict[str, Any]]:
    if not call.lab.rights.has(call.caller, "/sdn/zones/localnetwork", "SDN.Audit", "SDN.Use"):
        return []
    modern = call.lab.release.is_modern
    return [_network(name, modern=modern) for name, h in call.lab.site.nodes.items() if h.online]


def _network(node: str, *, modern: bool) -> dict[str, Any]:
    name, shown = "localnetwork", {"node": node, "status": "ok"}
    if not modern:
        return shown | {"id": f"sdn/{node}/{name}", "type": "sdn", "sdn": name}
    ids = {"id": f"network/{node}/zone/{name}", "network": name, "network-type": "zone"}
    return shown | ids | {"type": "network"}


def _nodes(call: Call) -> list[dict[str, Any]]:
    shown = (node.summary(call, name) for name in call.lab.site.nodes)
    return [_without_fingerprint(entry) for entry in shown]


def _without_fingerprint(entry: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in entry.items() if key != "ssl_fingerprint"}
    return kept | ({"cgroup-mode": 2} if "maxcpu" in entry else {})


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /": root_index,
    "GET /version": node.version,
    "GET /cluster/nextid": next_id,
    "GET /cluster/status": cluster_status,
    "GET /cluster/options": options,
    "GET /cluster/resources": resources,
}
