"""``rrddata``: figures over time. The lab keeps no history, so all points tell of now."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxmox_lab.actions import status
from proxmox_lab.api.storage import room
from proxmox_lab.call import Call, Handler
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.things import Machine

# seconds between points, and how many
_OLD: Final = {"hour": 60, "day": 1800, "week": 10_800, "month": 43_200, "year": 604_800}
_OLD_POINTS: Final = 70
_NEW: Final = {
    "hour": (60, 60), "day": (60, 1440), "week": (1800, 336), "month": (1800, 1440),
    "year": (21_600, 1460),
}  # fmt: skip
_FOLDERS: Final = {False: "pve2-vm", True: "pve-vm-9.0"}
_NODE_PRESSURE: Final = ("cpusome", "iofull", "iosome", "memoryfull", "memorysome")


def _times(call: Call) -> Iterator[int]:
    frame, now = call.text("timeframe"), int(call.lab.clock.now())
    step, count = _NEW[frame] if call.lab.release.is_modern else (_OLD[frame], _OLD_POINTS)
    last = now // step * step
    return (last - step * back for back in reversed(range(count)))


async def of_machine(call: Call) -> list[dict[str, Any]]:
    """Figures of a machine; points from before its time hold nothing but that."""
    machine = call.lab.site.machines.get(call.vmid)
    if machine is None:
        folder = _FOLDERS[call.lab.release.is_modern]
        raise Refusal(
            "RRD error: rrdcached@unix:/var/run/rrdcached.sock: rrd_fetch_r failed: opening "
            f"'/var/lib/rrdcached/db/{folder}/{call.vmid}': No such file or directory"
        )
    times, figures = list(_times(call)), _figures(call, machine)
    born = min(_born(machine), times[-1])
    return [{"time": time} | (figures if time >= born else {}) for time in times]


def _born(machine: Machine) -> int:
    return min((volume.ctime for volume in machine.volumes.values()), default=0)


def _figures(call: Call, machine: Machine) -> dict[str, Any]:
    now = status.summary(call.lab, machine)
    kept = ("cpu", "mem", "maxmem", "disk", "maxdisk", "netin", "netout", "memhost")
    shown = {key: now[key] for key in kept if key in now}
    modern = call.lab.release.is_modern
    pressure = {f"pressure{kind}": 0 for kind in status.PRESSURE} if modern else {}
    return shown | pressure | {"maxcpu": config.cpus_of(machine.config)}


async def of_node(call: Call) -> list[dict[str, Any]]:
    """Figures of the node."""
    host = call.lab.site.host
    figures: dict[str, Any] = {
        "cpu": 0.05, "maxcpu": host.cpus, "iowait": 0, "loadavg": 0.1, "netin": 0, "netout": 0,
        "memtotal": host.memory, "memused": host.memory // 4, "swaptotal": 0, "swapused": 0,
        "roottotal": host.disk, "rootused": host.disk // 8,
    }  # fmt: skip
    if call.lab.release.is_modern:
        figures |= {"arcsize": 0, "memavailable": host.memory // 4 * 3}
        figures |= {f"pressure{kind}": 0 for kind in _NODE_PRESSURE}
    return [{"time": time} | figures for time in _times(call)]


async def of_storage(call: Call) -> list[dict[str, Any]]:
    """Figures of a storage, as far as its node has it."""
    found = call.lab.site.storage(call.text("storage"))
    now = room(call, found)
    figures = {"total": now["total"], "used": now["used"]}
    return [{"time": time} | figures for time in _times(call)]


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /nodes/{node}/rrddata": of_node,
    "GET /nodes/{node}/storage/{storage}/rrddata": of_storage,
    "GET /nodes/{node}/qemu/{vmid}/rrddata": of_machine,
}
