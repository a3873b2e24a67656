"""``/nodes``: the hosts, their figures and their network."""

import hashlib
import os
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.call import Call, Handler, Lab
from proxmox_lab.machines.config import memory_of
from proxmox_lab.refusal import invalid

_KERNEL: Final = "6.8.0-lab"
_BUILD: Final = "#1 SMP PREEMPT_DYNAMIC @0"
_BOOT: Final = 1_700_000_000
_PLAIN: Final = {
    "iface": "dummy0", "type": "unknown", "priority": 3, "method": "manual", "method6": "manual",
    "families": ["inet"],
}  # fmt: skip


def summary(call: Call, name: str) -> dict[str, Any]:
    """Describe a node; figures only with Sys.Audit, and while it is up."""
    host = call.lab.site.nodes[name]
    shown: dict[str, Any] = {
        "id": f"node/{name}", "node": name, "type": "node",
        "status": "online" if host.online else "offline",
        "level": "", "ssl_fingerprint": fingerprint(name),
    }  # fmt: skip
    if host.online and call.lab.rights.has(call.caller, f"/nodes/{name}", "Sys.Audit"):
        shown |= {
            "cpu": 0.05, "maxcpu": host.cpus, "mem": memory_used(call.lab, name),
            "maxmem": host.memory, "disk": host.disk // 8, "maxdisk": host.disk,
            "uptime": _uptime(call),
        }  # fmt: skip
    return shown


def memory_used(lab: Lab, name: str) -> int:
    """Return the bytes taken: some by the host itself, and all that running machines may use."""
    host = lab.site.nodes[name]
    machines = lab.site.on(name).machines.values()
    running = [m for m in machines if lab.guesthouse.is_running(m.vmid)]
    return min(host.memory, host.memory // 16 + sum(memory_of(m.config) << 20 for m in running))


def fingerprint(name: str) -> str:
    """Tell the made-up certificate of a node, the same every time."""
    return hashlib.sha256(name.encode()).digest().hex(":").upper()


async def nodes(call: Call) -> list[dict[str, Any]]:
    """List the nodes; figures only with Sys.Audit."""
    return [summary(call, name) for name in call.lab.site.nodes]


async def node_status(call: Call) -> dict[str, Any]:
    """Tell how the node is."""
    host, release = call.lab.site.host, call.lab.release
    shown: dict[str, Any] = {
        "uptime": _uptime(call), "cpu": 0.05, "wait": 0, "idle": 0,
        "loadavg": [f"{load:.2f}" for load in os.getloadavg()],
        "memory": _memory(call.lab),
        "swap": {"total": 0, "used": 0, "free": 0},
        "rootfs": {"total": host.disk, "used": host.disk // 8, "free": host.disk // 8 * 7,
                   "avail": host.disk // 8 * 7},
        "ksm": {"shared": 0},
        "cpuinfo": {"model": "Lab", "mhz": "2500.000", "hvm": "",
                    "cpus": host.cpus, "cores": host.cpus, "sockets": 1, "user_hz": 100,
                    "flags": ""},
        "pveversion": f"pve-manager/{release.version}/{release.repoid}",
        "kversion": f"Linux {_KERNEL} {_BUILD}",
        "current-kernel": {"sysname": "Linux", "release": _KERNEL, "version": _BUILD,
                           "machine": "x86_64"},
        "boot-info": {"mode": "legacy-bios"},
    }  # fmt: skip
    if release.is_modern:
        shown["cpuinfo"] |= {"vendor": "Lab", "family": "1"}
    return shown


def _memory(lab: Lab) -> dict[str, int]:
    total, used = lab.site.host.memory, memory_used(lab, lab.site.node)
    shown = {"total": total, "used": used, "free": total - used}
    return shown | ({"available": total - used} if lab.release.is_modern else {})


async def time(call: Call) -> dict[str, Any]:
    """Tell the node's time."""
    now = int(call.lab.clock.now())
    return {"localtime": now, "time": now, "timezone": "Etc/UTC"}


async def network(call: Call) -> list[dict[str, Any]]:
    """List the bridges the caller may use."""
    wanted = call.text("type", "bridge")
    if wanted not in ("bridge", "any_bridge", "any_local_bridge", "include_sdn"):
        return []
    rights, zone = call.lab.rights, "/sdn/zones/localnetwork"
    bridges = [
        _bridge(name, cidr)
        for name, cidr in call.lab.site.host.bridges.items()
        if rights.has(call.caller, f"{zone}/{name}", "SDN.Audit", "SDN.Use")
    ]
    return bridges if call.text("type") else [*bridges, dict(_PLAIN)]


async def interface(call: Call) -> dict[str, Any]:
    """Tell about one interface, whose name the caller knows."""
    name, bridges = call.text("iface"), call.lab.site.host.bridges
    found = {key: _bridge(key, cidr) for key, cidr in bridges.items()} | {"dummy0": dict(_PLAIN)}
    if name not in found:
        raise invalid({"iface": "interface does not exist"})
    return {key: value for key, value in found[name].items() if key != "iface"}


def _bridge(name: str, cidr: str) -> dict[str, Any]:
    address, _, mask = cidr.partition("/")
    return {
        "iface": name, "type": "bridge", "active": 1, "autostart": 1, "priority": 4,
        "method": "static", "method6": "manual", "families": ["inet"], "address": address,
        "netmask": mask, "cidr": cidr, "bridge_ports": "none", "bridge_stp": "off",
        "bridge_fd": "0",
    }  # fmt: skip


def _uptime(call: Call) -> int:
    return int(call.lab.clock.now()) - _BOOT


async def version(call: Call) -> dict[str, str]:
    """Tell the release."""
    release = call.lab.release
    return {"version": release.version, "release": release.short, "repoid": release.repoid}


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /nodes": nodes,
    "GET /nodes/{node}/status": node_status,
    "GET /nodes/{node}/version": version,
    "GET /nodes/{node}/time": time,
    "GET /nodes/{node}/network": network,
    "GET /nodes/{node}/network/{iface}": interface,
}
