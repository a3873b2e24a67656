"""What cloud-init does at boot: host name, the first user with keys and sudo, the host key."""

import hashlib
import json
from dataclasses import replace

import asyncssh

from proxmox_lab.guests.port import GuestConfig
from proxmox_lab.guests.simulated.model.accounts import User
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.model.machine import Machine
from proxmox_lab.guests.simulated.ssh.server import HOST_KEY

GROUPS = ("adm", "audio", "dip", "plugdev", "sudo", "video")


def run_cloud_init(machine: Machine, config: GuestConfig) -> None:
    """Apply the seed if it is new to this disk; the host key is made once and then kept."""
    instance = _instance(config)
    if machine.disk.instance == instance:
        return
    machine.disk.hostname = config.name
    _write(machine, "/etc/hostname", f"{config.name}\n")
    hosts = f"127.0.0.1 localhost\n127.0.1.1 {config.name}\n::1 localhost ip6-localhost\n"
    _write(machine, "/etc/hosts", hosts)
    _ensure_user(machine, config)
    _ensure_host_key(machine, config.name)
    machine.files.make_directories("/var/lib/cloud/instance")
    _write(machine, "/var/lib/cloud/instance/boot-finished", "simulated\n")
    machine.disk.instance = instance


def _instance(config: GuestConfig) -> str:
    seed = (
        config.vmid,
        config.name,
        config.user,
        config.ssh_keys,
        config.address,
        config.nameservers,
    )
    return hashlib.sha256(json.dumps(seed).encode()).hexdigest()


def _ensure_user(machine: Machine, config: GuestConfig) -> None:
    name, accounts = config.user, machine.accounts
    if name not in accounts.users:
        accounts.ensure_group(name)
        accounts.users[name] = User(
            name=name, uid=accounts.next_uid(system=False), group=name, home=f"/home/{name}", shell="/bin/bash"
        )  # fmt: skip
    for group in GROUPS:
        known = accounts.groups[group]
        if name not in known.members:
            accounts.groups[group] = replace(known, members=(*known.members, name))
    home = accounts.users[name].home
    if machine.files.find(home) is None:
        machine.files.put(home, Node(kind=Kind.DIRECTORY, mode=0o700, owner=name, group=name))
    ssh = Node(kind=Kind.DIRECTORY, mode=0o700, owner=name, group=name)
    machine.files.put(f"{home}/.ssh", ssh)
    keys = "".join(f"{key.strip()}\n" for key in config.ssh_keys)
    node = Node(kind=Kind.FILE, mode=0o600, owner=name, group=name)
    machine.files.write(f"{home}/.ssh/authorized_keys", keys.encode(), template=node)
    rule = Node(kind=Kind.FILE, mode=0o440)
    text = f"{name} ALL=(ALL) NOPASSWD:ALL\n"
    machine.files.write("/etc/sudoers.d/90-cloud-init-users", text.encode(), template=rule)


def _ensure_host_key(machine: Machine, name: str) -> None:
    if machine.files.find(HOST_KEY) is not None:
        return
    key = asyncssh.generate_private_key("ssh-ed25519", comment=f"root@{name}")
    private = Node(kind=Kind.FILE, mode=0o600)
    machine.files.write(HOST_KEY, key.export_private_key(), template=private)
    public = Node(kind=Kind.FILE, mode=0o644)
    machine.files.write(f"{HOST_KEY}.pub", key.export_public_key(), template=public)


def _write(machine: Machine, path: str, text: str) -> None:
    machine.files.write(path, text.encode(), template=Node(kind=Kind.FILE, mode=0o644))
