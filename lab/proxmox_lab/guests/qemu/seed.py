"""The cloud-init seed of a guest: three documents on a small disk labelled ``cidata``."""

import hashlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pycdlib

from proxmox_lab.guests.port import GuestConfig
from proxmox_lab.guests.qemu.network import network_of

_UNIT: Final = 1 << 20
_FILES: Final = {"meta-data": "METADATA", "user-data": "USERDATA", "network-config": "NETWORK"}
# Its unit waits for the device, which was there before the rule that tells systemd of it.
_THE_AGENT: Final = {
    "package_update": True,
    "packages": ["qemu-guest-agent"],
    "runcmd": [
        ["udevadm", "trigger", "--action=add", "--subsystem-match=virtio-ports"],
        ["systemctl", "start", "--no-block", "qemu-guest-agent"],
    ],
}
_APT_LIST: Final = "/etc/apt/lab.list"
_APT: Final = {
    "path": "/etc/apt/apt.conf.d/95lab",
    "content": f'Dir::Etc::SourceList "{_APT_LIST}";\nDir::Etc::SourceParts "-";\n',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """The documents of a NoCloud data source."""

    meta_data: str
    user_data: str
    network_config: str

    @property
    def files(self) -> dict[str, bytes]:
        texts = (self.meta_data, self.user_data, self.network_config)
        return {name: text.encode() for name, text in zip(_FILES, texts, strict=True)}


def seed_of(config: GuestConfig, *, with_agent: bool = True, apt_source: str = "") -> Seed:
    """Write the documents. JSON is YAML in which no value can break out of its place.

    ``with_agent``: the guest's template carries the guest agent; else cloud-init installs it.
    ``apt_source``: where alone packages come from; ``{gateway}`` in it is this machine.
    """
    told = _user_data(config) | ({} if with_agent else _THE_AGENT)
    if apt_source:
        source = apt_source.replace("{gateway}", str(network_of(config).gateway))
        told |= {"write_files": [_APT, {"path": _APT_LIST, "content": f"{source}\n"}]}
    user_data = "#cloud-config\n" + json.dumps(told, indent=1) + "\n"
    network = json.dumps(_network_config(config), indent=1) + "\n"
    # Another seed is another instance: cloud-init then applies it afresh.
    instance = hashlib.sha256((config.name + user_data + network).encode()).hexdigest()[:40]
    meta = {"instance-id": instance, "local-hostname": config.name}
    return Seed(meta_data=json.dumps(meta) + "\n", user_data=user_data, network_config=network)


def _user_data(config: GuestConfig) -> dict[str, Any]:
    user: dict[str, Any] = {"name": config.user, "ssh_authorized_keys": list(config.ssh_keys)}
    if config.user != "root":
        user |= {"sudo": "ALL=(ALL) NOPASSWD:ALL", "shell": "/bin/bash", "lock_passwd": True}
    return {
        "hostname": config.name,
        "manage_etc_hosts": True,
        "disable_root": config.user != "root",
        "users": [user],
    }


def _network_config(config: GuestConfig) -> dict[str, Any]:
    network = network_of(config)
    link: dict[str, Any] = {"match": {"macaddress": config.mac.lower()}, "set-name": "eth0"}
    if config.address is None:
        return {"version": 2, "ethernets": {"eth0": {**link, "dhcp4": True}}}
    # Not "gateway4", deprecated: the boot would count as degraded. Not "to: default" either:
    # cloud-init 25.1 takes it for an address and fails when it writes networkd's files.
    routes = [{"to": "0.0.0.0/0", "via": str(network.gateway)}] if config.gateway else []
    names = list(config.nameservers) or [str(network.resolver)]
    fixed = {
        "addresses": [str(network.own)],
        "routes": routes,
        "nameservers": {"addresses": names},
    }
    return {"version": 2, "ethernets": {"eth0": {**link, **fixed}}}


def write_seed(seed: Seed, path: Path) -> None:
    """Write the seed's disk; a reader sees the old one or the new one, never half."""
    fresh = path.with_suffix(".new")
    iso = pycdlib.PyCdlib()
    iso.new(vol_ident="cidata", joliet=3, rock_ridge="1.09", interchange_level=3)
    for name, data in seed.files.items():
        iso.add_fp(
            io.BytesIO(data), len(data), f"/{_FILES[name]}.;1", rr_name=name, joliet_path=f"/{name}"
        )
    iso.write(str(fresh))
    iso.close()
    # One size for all: a machine that is resumed finds the disk as large as it was.
    os.truncate(fresh, -(-fresh.stat().st_size // _UNIT) * _UNIT)
    fresh.replace(path)
