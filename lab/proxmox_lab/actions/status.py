"""What a machine looks like in lists, in resources and in its status."""

from typing import Any

from proxmox_lab.call import Lab
from proxmox_lab.machines import config
from proxmox_lab.site.things import Machine

PRESSURE = ("cpufull", "cpusome", "iofull", "iosome", "memoryfull", "memorysome")
_CALM = {f"pressure{kind}": 0 for kind in PRESSURE}


def summary(lab: Lab, machine: Machine) -> dict[str, Any]:
    """Describe a machine as ``/nodes/{node}/qemu`` lists it."""
    running = lab.guesthouse.is_running(machine.vmid)
    memory = config.memory_of(machine.config) << 20
    used = memory // 4 if running else 0
    shown: dict[str, Any] = {
        "vmid": machine.vmid, "name": machine.name, "status": "running" if running else "stopped",
        "cpus": config.cpus_of(machine.config), "cpu": 0, "maxmem": memory, "mem": used,
        "maxdisk": max_disk(machine), "disk": 0, "netin": 0, "netout": 0,
        "uptime": lab.guesthouse.uptime(machine.vmid),
    }  # fmt: skip
    if lab.release.is_modern:
        shown["memhost"] = used
        shown |= _CALM if running else {}
    if running:
        shown["pid"] = 100_000 + machine.vmid
    return shown | _optional(machine)


def _optional(machine: Machine) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if machine.is_template:
        shown["template"] = 1
    if "serial0" in machine.config:
        shown["serial"] = 1
    shown |= {key: machine.config[key] for key in ("tags", "lock") if machine.config.get(key)}
    return shown


def current(lab: Lab, machine: Machine) -> dict[str, Any]:
    """Describe a machine as ``status/current`` does."""
    running = lab.guesthouse.is_running(machine.vmid)
    shown = summary(lab, machine)
    shown |= {"ha": {"managed": 0}, "qmpstatus": shown["status"]}
    if config.has_agent(machine):
        shown["agent"] = 1
    if "vga" in machine.config:
        shown["clipboard"] = None
    if running:
        shown["qmpstatus"] = "paused" if machine.paused else "running"
        shown["nics"] = {f"tap{machine.vmid}i0": {"netin": 0, "netout": 0}}
    return shown


def resource(lab: Lab, machine: Machine) -> dict[str, Any]:
    """Describe a machine as ``/cluster/resources`` does: unknown while its node is down."""
    bare: dict[str, Any] = {
        "id": f"qemu/{machine.vmid}", "type": "qemu", "node": machine.node, "vmid": machine.vmid,
        **{key: machine.config[key] for key in ("tags", "lock") if machine.config.get(key)},
    }  # fmt: skip
    pool = lab.site.pool_of(machine.vmid)
    bare |= {"pool": pool} if pool else {}
    told = lab.broadcast.told(lambda before: speak(lab, before)).get(machine.vmid)
    if told is None or not lab.site.nodes[machine.node].online:
        return bare | {"status": "unknown"}
    return {**bare, **told}


def speak(lab: Lab, before: float) -> dict[int, dict[str, Any]]:
    """Tell of every machine made before a moment what its node's daemon tells all others."""
    machines = list(lab.site.cluster.values())
    return {m.vmid: _figures(lab, m) for m in machines if m.born < before}


def _figures(lab: Lab, machine: Machine) -> dict[str, Any]:
    shown = summary(lab, machine)
    kept = (
        "name", "status", "cpu", "maxmem", "mem", "memhost", "maxdisk", "disk",
        "netin", "netout", "uptime",
    )  # fmt: skip
    return {
        **{key: shown[key] for key in kept if key in shown},
        "maxcpu": shown["cpus"], "template": int(machine.is_template),
        "diskread": 0, "diskwrite": 0,
    }  # fmt: skip


def storage_resource(lab: Lab, node: str, name: str) -> dict[str, Any]:
    """Describe a storage on a node as ``/cluster/resources`` does."""
    storage, host = lab.site.storages[name], lab.site.nodes[node]
    known: dict[str, Any] = {
        "id": f"storage/{node}/{name}", "type": "storage", "storage": name, "node": node,
        "status": "available" if host.online else "unknown", "shared": int(storage.shared),
        "content": ",".join(storage.content), "plugintype": storage.type,
    }  # fmt: skip
    used = host.disk if storage.full else host.disk // 8
    return known | ({"maxdisk": host.disk, "disk": used} if host.online else {})


def max_disk(machine: Machine) -> int:
    """Return the boot disk's size; a machine being cloned has none yet."""
    found = config.boot_disk(machine)
    return found[1].size if found else 0
