"""``/nodes``: the one node, its figures and its network."""

import os
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.call import Call, Handler
from proxmox_lab.site.site import Rules

_KERNEL: Final = "6.8.0-lab"
_BUILD: Final = "#1 SMP PREEMPT_DYNAMIC @0"
_BOOT: Final = 1_700_000_000
_FINGERPRINT: Final = ":".join(["AB"] * 32)
_PLAIN: Final = {
    "iface": "dummy0", "type": "unknown", "priority": 3, "method": "manual", "method6": "manual",
    "families": ["inet"],
}  # fmt: skip


def summary(call: Call) -> dict[str, Any]:
    """Describe the node; figures only with Sys.Audit."""
    rules = call.lab.site.rules
    shown: dict[str, Any] = {
        "id": f"node/{rules.node}", "node": rules.node, "type": "node", "status": "online",
        "level": "", "ssl_fingerprint": _FINGERPRINT,
    }  # fmt: skip
    if call.lab.rights.has(call.caller, f"/nodes/{rules.node}", "Sys.Audit"):
        shown |= {
            "cpu": 0.05, "maxcpu": rules.cpus, "mem": rules.memory // 4, "maxmem": rules.memory,
            "disk": rules.disk // 8, "maxdisk": rules.disk, "uptime": _uptime(call),
        }  # fmt: skip
    return shown


async def nodes(call: Call) -> list[dict[str, Any]]:
    """List the nodes; figures only with Sys.Audit."""
    return [summary(call)]


async def node_status(call: Call) -> dict[str, Any]:
    """Tell how the node is."""
    rules, release = call.lab.site.rules, call.lab.release
    shown: dict[str, Any] = {
        "uptime": _uptime(call), "cpu": 0.05, "wait": 0, "idle": 0,
        "loadavg": [f"{load:.2f}" for load in os.getloadavg()],
        "memory": _memory(rules, modern=release.is_modern),
        "swap": {"total": 0, "used": 0, "free": 0},
        "rootfs": {"total": rules.disk, "used": rules.disk // 8, "free": rules.disk // 8 * 7,
                   "avail": rules.disk // 8 * 7},
        "ksm": {"shared": 0},
        "cpuinfo": {"model": "Lab", "mhz": "2500.000", "hvm": "",
                    "cpus": rules.cpus, "cores": rules.cpus, "sockets": 1, "user_hz": 100,
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


def _memory(rules: Rules, *, modern: bool) -> dict[str, int]:
    free = rules.memory // 4 * 3
    shown = {"total": rules.memory, "used": rules.memory - free, "free": free}
    return shown | ({"available": free} if modern else {})


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
        for name, cidr in call.lab.site.rules.bridges.items()
        if rights.has(call.caller, f"{zone}/{name}", "SDN.Audit", "SDN.Use")
    ]
    return bridges if call.text("type") else [*bridges, dict(_PLAIN)]


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
}
