"""Devices taken from a running machine: its guest has to let them go."""

import re
from collections.abc import Mapping
from typing import Final

from proxmox_lab.call import Lab
from proxmox_lab.machines import config
from proxmox_lab.site.things import Machine

WAIT: Final = 6.0
_MODEL: Final = re.compile(r"^([a-z0-9-]+)=([0-9A-Fa-f:]{17})")
_STUCK: Final = "hotplug problem - error on hot-unplugging device '{}'{}\n"
_SUFFIX: Final[Mapping[bool, str]] = {False: "", True: " - still busy in guest?"}


async def unplugged(lab: Lab, machine: Machine, key: str) -> str | None:
    """Wait for the guest to let a device go; return the complaint if it does not."""
    guest = lab.guesthouse.find(machine.vmid)
    device = _device(machine, key, modern=lab.release.is_modern)
    if device is None or guest is None or not guest.running or guest.lets_go:
        return None
    await lab.clock.sleep(WAIT)
    return _STUCK.format(device, _SUFFIX[lab.release.is_modern])


def _device(machine: Machine, key: str, *, modern: bool) -> str | None:
    """Name the device that QEMU would have to remove, as far as it asks the guest for it."""
    if config.NET.match(key):
        return key
    if not config.DRIVE.match(key) or config.is_cdrom(machine.config[key]):
        return None
    number = re.sub(r"\D", "", key)
    if key.startswith("scsi") and machine.config.get("scsihw") == "virtio-scsi-single":
        return None if modern else f"virtioscsi{number}"
    return key if key.startswith("virtio") else None


def is_other_card(old: str | None, new: str) -> bool:
    """Tell whether a network card is another one, and not the same on another bridge."""
    before, after = _MODEL.match(old or ""), _MODEL.match(new)
    return before is not None and (after is None or before.groups() != after.groups())
