"""``/nodes/{node}``: what a node tells of its own system; little, as it is made up."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.call import Call, Handler
from proxmox_lab.http.outgoing import Text

_VIRTIO: Final = {"0x1041": "network device", "0x1042": "block device", "0x1044": "RNG"}
_CLASSES: Final = {"0x1041": "0x020000", "0x1042": "0x018000", "0x1044": "0xffff00"}
_NEWEST_QEMU: Final = {False: 9, True: 10}
_NAMES: Final = (
    "aplinfo", "apt", "capabilities", "ceph", "certificates", "config", "disks", "dns", "execute",
    "firewall", "hardware", "hosts", "journal", "lxc", "migrateall", "netstat", "network", "qemu",
    "query-url-metadata", "replication", "report", "rrd", "rrddata", "scan", "sdn", "services",
    "spiceshell", "startall", "status", "stopall", "storage", "subscription", "suspendall",
    "syslog", "tasks", "termproxy", "time", "version", "vncshell", "vncwebsocket", "vzdump",
    "wakeonlan",
)  # fmt: skip


async def index(_: Call) -> list[dict[str, str]]:
    """Name what there is to a node; it need not exist."""
    return [{"name": name} for name in _NAMES]


async def dns(call: Call) -> dict[str, str]:
    """Tell the resolver of the node."""
    return {"dns1": call.lab.site.host.address}


async def hosts(call: Call) -> dict[str, str]:
    """Tell the node's names of addresses."""
    known = [f"{host.address} {name}" for name, host in call.lab.site.nodes.items()]
    return {"data": "\n".join(["127.0.0.1 localhost", *known]) + "\n", "digest": "0" * 40}


async def settings(_: Call) -> dict[str, str]:
    """Tell what was noted about the node: nothing."""
    return {"digest": "0" * 40}


async def pci(_: Call) -> list[dict[str, Any]]:
    """List the devices of the made-up host."""
    return [
        {"id": f"0000:00:0{slot}.0", "class": _CLASSES[device], "device": device,
         "device_name": f"Virtio 1.0 {name}", "vendor": "0x1af4", "vendor_name": "Red Hat, Inc.",
         "subsystem_vendor": "0x1af4", "subsystem_vendor_name": "Red Hat, Inc.",
         "subsystem_device": device, "iommugroup": -1}
        for slot, (device, name) in enumerate(_VIRTIO.items(), 1)
    ]  # fmt: skip


async def processor_types(call: Call) -> list[dict[str, Any]]:
    """List a few processor models."""
    models = {
        "host": "default",
        "kvm64": "default",
        "qemu64": "default",
        "x86-64-v2-AES": "default",
    }
    shown = [{"name": name, "vendor": vendor, "custom": 0} for name, vendor in models.items()]
    modern = call.lab.release.is_modern
    return [m | ({"abstract": 1} if modern and "x86-64-v" in str(m["name"]) else {}) for m in shown]


async def capabilities(_: Call) -> list[dict[str, str]]:
    """Name what a node can tell of its abilities."""
    return [{"name": "qemu"}]


async def qemu_capabilities(call: Call) -> list[dict[str, str]]:
    """Name what its QEMU can tell."""
    names = ("cpu", "cpu-flags", "machines", "migration")
    shown = names if call.lab.release.is_modern else ("cpu", "machines")
    return [{"name": name} for name in shown]


async def machine_types(call: Call) -> list[dict[str, str]]:
    """List a few machine types of the made-up QEMU, the newest first."""
    newest = _NEWEST_QEMU[call.lab.release.is_modern]
    return [
        {"id": f"pc-{kind}-{newest}.{minor}", "type": kind, "version": f"{newest}.{minor}"}
        for kind in ("i440fx", "q35")
        for minor in (2, 1, 0)
    ]


async def migration(_: Call) -> dict[str, int]:
    """Tell what a move of a running machine could rely on."""
    return {"has-dbus-vmstate": 1}


async def subscription(_: Call) -> dict[str, Any]:
    """Tell that nobody pays for this."""
    return {"status": "notfound", "message": "There is no subscription key"}


async def nothing(_: Call) -> list[Any]:
    """List what a made-up host has none of."""
    return []


async def no_text(_: Call) -> Text:
    """Return an empty text."""
    return Text("")


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /nodes/{node}": index,
    "GET /nodes/{node}/dns": dns,
    "GET /nodes/{node}/hosts": hosts,
    "GET /nodes/{node}/config": settings,
    "GET /nodes/{node}/hardware/pci": pci,
    "GET /nodes/{node}/hardware/usb": nothing,
    "GET /nodes/{node}/capabilities": capabilities,
    "GET /nodes/{node}/capabilities/qemu": qemu_capabilities,
    "GET /nodes/{node}/capabilities/qemu/cpu": processor_types,
    "GET /nodes/{node}/capabilities/qemu/machines": machine_types,
    "GET /nodes/{node}/capabilities/qemu/migration": migration,
    "GET /nodes/{node}/subscription": subscription,
    "GET /nodes/{node}/aplinfo": nothing,
    "GET /nodes/{node}/services": nothing,
    "GET /nodes/{node}/netstat": nothing,
    "GET /nodes/{node}/replication": nothing,
    "GET /nodes/{node}/disks/list": nothing,
    "GET /nodes/{node}/apt/update": nothing,
    "GET /nodes/{node}/journal": no_text,
    "GET /nodes/{node}/syslog": nothing,
}
