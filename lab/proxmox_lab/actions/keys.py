"""What a configuration key needs: a privilege, and sometimes a restart of the machine."""

import re
from collections.abc import Mapping
from typing import Final

from proxmox_lab.access.permission import need, need_any
from proxmox_lab.call import Call
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal

_BY_PRIVILEGE: Final[Mapping[str, str]] = {
    "VM.Config.CPU": "cores cpu cpulimit cpuunits smp sockets vcpus affinity numa shares",
    "VM.Config.Memory": "memory balloon hugepages keephugepages allow-ksm",
    "VM.Config.HWType": "acpi hotplug kvm machine scsihw smbios1 tablet vga watchdog audio0 rng0 "
    "arch bios vmgenid ivshmem spice_enhancements",
    "VM.Config.Options": "agent autostart description keyboard localtime migrate_downtime "
    "migrate_speed name onboot ostype protection reboot startdate startup tdf template tags",
    "VM.Config.Disk": "boot bootdisk vmstatestorage",
    "VM.PowerMgmt": "freeze",
}
PRIVILEGE: Final = {key: right for right, keys in _BY_PRIVILEGE.items() for key in keys.split()}
CLOUD_INIT: Final = re.compile(
    r"^(cicustom|cipassword|citype|ciuser|ciupgrade|nameserver|searchdomain|sshkeys|ipconfig\d+)$"
)
_AT_ONCE: Final = frozenset(
    ("lock", "name", "onboot", "shares", "startup", "description", "protection", "vmstatestorage",
     "hookscript", "tags")
)  # fmt: skip
_ROOT_ONLY: Final = frozenset({"args", "lock", "parallel", "ivshmem"})
_HOST_DEVICE: Final = re.compile(r"^(hostpci|usb|serial)\d+$")
_BRIDGE: Final = re.compile(r"bridge=([^,]+)")


def may_change(call: Call, key: str, value: str | None, *, path: str = "") -> None:
    """Refuse a key the caller may not set or delete; the rights count on ``/vms/{vmid}``."""
    if call.caller.is_root:
        return
    path, rights = path or f"/vms/{call.vmid}", call.lab.rights
    if key in _ROOT_ONLY:
        raise Refusal(f"only root can set '{key}' config")
    if _HOST_DEVICE.match(key) and not (value or "").startswith(("mapping=", "socket", "spice")):
        suffix = " for non-mapped devices" if key.startswith("hostpci") else " for real devices"
        raise Refusal(f"only root can set '{key}' config{suffix}")
    if CLOUD_INIT.match(key):
        need_any(rights, call.caller, path, "VM.Config.Cloudinit", "VM.Config.Network")
    elif config.NET.match(key):
        _may_network(call, path, value)
    elif config.DRIVE.match(key) or key.startswith("unused"):
        drive = value or ""
        need(rights, call.caller, path, f"VM.Config.{'CDROM' if _is_media(drive) else 'Disk'}")
    elif key in PRIVILEGE:
        need(rights, call.caller, path, PRIVILEGE[key])


def _is_media(drive: str) -> bool:
    return config.is_cdrom(drive) and not config.is_seed(config.volume_of(drive))


def _may_network(call: Call, path: str, value: str | None) -> None:
    need(call.lab.rights, call.caller, path, "VM.Config.Network")
    bridge = _BRIDGE.search(value or "")
    if value and not bridge and not call.lab.release.is_modern:
        raise Refusal("no sdn vnet ID specified")
    if bridge:
        zone = f"/sdn/zones/localnetwork/{bridge[1]}"
        need(call.lab.rights, call.caller, zone, "SDN.Use")


def plugs_at_once(key: str) -> bool:
    """Tell whether a running machine takes this key without a restart."""
    live = config.NET.match(key) or config.DRIVE.match(key) or CLOUD_INIT.match(key)
    return bool(key in _AT_ONCE or live or key.startswith("unused"))
