"""Where VMs are made: nodes, the pool, storages and bridges."""

from collections.abc import Iterator
from typing import Final

from common.contracts.hypervisor import Finding
from common.contracts.privileges import NODES, Grant, grant_command, role_command
from vm_service.domain.doctor.chart import Chart, SeenStorage, known, storages_of
from vm_service.domain.doctor.findings import (
    change_setting,
    error,
    fine,
    gib,
    listed,
    quoted,
    warning,
)
from vm_service.domain.trouble import Trouble

SCARCE: Final = 20 * 2**30  # bytes; two or three small servers
NOTHING: Final = 2 * 2**30
SEVERAL: Final = 2


def check_nodes(chart: Chart) -> Iterator[Finding]:
    """Tell whether the nodes are there on which VMs may be made."""
    if isinstance(chart.nodes, Trouble):
        return
    for name in ("nodes", "drained"):
        unknown = set(getattr(chart.settings, name)) - chart.nodes.keys()
        if unknown:
            make = error if name == "nodes" else warning
            yield make(
                "nodes_unknown",
                f"The cluster has no node {listed(unknown)}",
                f"it has {listed(chart.nodes)}",
                change_setting(f"correct {name}"),
                at=f"/{name}",
            )
    offline = [node for node, online in chart.nodes.items() if not online]
    if offline:
        yield warning("nodes_offline", f"Offline: {listed(offline)}", "", "pvecm status")
    drained = set(chart.settings.drained) & chart.nodes.keys()
    if chart.usable_nodes:
        aside = f"drained: {listed(drained)}" if drained else ""
        yield fine("nodes", f"New VMs go to {listed(chart.usable_nodes)}", aside)
    else:
        yield error(
            "nodes_none",
            "No node may be used",
            f"offline: {listed(offline) or 'none'}; drained: {listed(drained) or 'none'}",
            change_setting("let a node that is online be used"),
            at="/drained" if drained else "/nodes",
        )


def check_memory(chart: Chart) -> Iterator[Finding]:
    """Tell whether several nodes can be told apart by their free memory."""
    if len(chart.usable_nodes) < SEVERAL or isinstance(chart.everywhere, Trouble):
        return
    above = [chart.everywhere.get(path, frozenset()) for path in ("/", "/nodes")]
    for node in chart.usable_nodes:
        own = chart.everywhere.get(f"/nodes/{node}", frozenset[str]())
        if "Sys.Audit" not in own.union(*above):
            make = role_command(
                NODES, major=chart.major, exists=NODES.name in known(chart.roles, {})
            )
            give = grant_command(Grant(NODES, "/nodes"), token_id=chart.settings.token_id)
            yield warning(
                "nodes_memory",
                "New VMs are placed without a look at the nodes' memory",
                "they are spread by storage and number; a right to read the figures would help",
                f"{make} && {give}",
            )
            return


def check_pool(chart: Chart) -> Iterator[Finding]:
    """Tell whether the pool is there that our VMs are put into."""
    pool = chart.settings.pool
    if isinstance(chart.pools, Trouble):
        return
    if pool in chart.pools:
        yield fine("pool", f"The pool {pool} is there")
        return
    rights = known(chart.rights, {}).get(f"/pool/{pool}", frozenset())
    hidden = "" if "Pool.Audit" in rights else "or the token lacks Pool.Audit on it"
    yield error(
        "pool_missing",
        f"The pool {pool} is not there",
        hidden,
        f"pvesh create /pools --poolid {quoted(pool)}",
        at="/pool",
    )


def check_storages(chart: Chart) -> Iterator[Finding]:
    """Tell whether the storages take disks and have room."""
    for node, name in _needed(chart):
        seen = chart.storages.get(node)
        if seen is None or isinstance(seen, Trouble):
            continue
        found = seen.get(name)
        yield _missing(chart, node, name) if found is None else _storage(node, name, found)


def _needed(chart: Chart) -> Iterator[tuple[str, str]]:
    """Yield where new disks will lie: the storage, on the nodes that will need it."""
    if chart.settings.storage:
        yield from ((node, chart.settings.storage) for node in chart.usable_nodes)
        return
    for vm in known(chart.vms, ()):
        if vm.vmid in chart.settings.templates:
            config = known(chart.templates.get(vm.vmid, {}), {})
            yield from ((vm.node, name) for name in sorted(storages_of(config)))


def _missing(chart: Chart, node: str, name: str) -> Finding:
    return error(
        "storage_missing",
        f"Node {node} shows us no storage {name}",
        "it does not exist there, or the token lacks Datastore.AllocateSpace on it",
        f"pvesm status  # on {node}",
        at="/storage" if chart.settings.storage else "/templates",
    )


def _storage(node: str, name: str, found: SeenStorage) -> Finding:
    where = f"Storage {name} on {node}"
    if not found.active:
        command = f"pvesm set {quoted(name)} --disable 0  # then: pvesm status"
        return error("storage_inactive", f"{where} is not active", "", command)
    if "images" not in found.content:
        content = ",".join(sorted(found.content | {"images"}))
        return error(
            "storage_content",
            f"{where} does not take disks of VMs",
            f"it takes {listed(found.content)}",
            f"pvesm set {quoted(name)} --content {content}",
        )
    room = f"{gib(found.free)} of {gib(found.total)} are free"
    if found.free < NOTHING:
        return error("storage_full", f"{where} is full", room, f"pvesm list {quoted(name)}")
    if found.free < max(SCARCE, found.total // 10):
        return warning("storage_scarce", f"{where} has little room", room, _size(name))
    return fine("storage", f"{where} takes disks", room + (", shared" if found.shared else ""))


def _size(name: str) -> str:
    return f"pvesm list {quoted(name)}  # shows what lies there"


def check_bridges(chart: Chart) -> Iterator[Finding]:
    """Tell whether every bridge is on every node that may be used, and knows our VLANs."""
    for network in chart.settings.networks:
        number = chart.settings.networks.index(network)
        for node in chart.usable_nodes:
            seen = chart.bridges.get(node)
            if seen is None or isinstance(seen, Trouble):
                continue
            if network.bridge not in seen:
                yield _no_bridge(chart, node, network.bridge, at=f"/networks/{number}/bridge")
            elif network.vlan is not None and not seen[network.bridge]:
                iface = f"/nodes/{node}/network/{network.bridge}"
                yield warning(
                    "bridge_vlan",
                    f"Bridge {network.bridge} on {node} does not know VLANs",
                    f"network {network.name} uses VLAN {network.vlan}; Proxmox will make an "
                    "extra bridge for it",
                    f"pvesh set {iface} --type bridge --bridge_vlan_aware 1 && "
                    f"pvesh set /nodes/{node}/network",
                )
            else:
                yield fine("bridge", f"Bridge {network.bridge} is on {node}")


def _no_bridge(chart: Chart, node: str, bridge: str, *, at: str) -> Finding:
    rights = known(chart.rights, {}).get(f"/sdn/zones/localnetwork/{bridge}", frozenset())
    hidden = "" if "SDN.Use" in rights else "or the token lacks SDN.Use on it"
    return error(
        "bridge_missing",
        f"Node {node} has no bridge {bridge}",
        hidden,
        f"pvesh create /nodes/{node}/network --iface {quoted(bridge)} --type bridge --autostart 1 "
        f"&& pvesh set /nodes/{node}/network",
        at=at,
    )
