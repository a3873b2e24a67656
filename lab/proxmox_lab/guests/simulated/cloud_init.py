"""What cloud-init does at boot: host name, the first user with keys and sudo, the host key."""

import hashlib
import json
import time
import uuid
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from proxmox_lab.guests.port import GuestConfig
from proxmox_lab.guests.simulated.model.accounts import User
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.ssh.server import HOST_KEY
from proxmox_lab.guests.simulated.system.machine import Machine

MACHINE_ID = "/etc/machine-id"
STAGES = ("init-local", "init", "modules-config", "modules-final")
GROUPS = ("adm", "audio", "dip", "plugdev", "sudo", "video")


def run_cloud_init(machine: Machine, config: GuestConfig) -> None:
    """Apply the seed if it is new to this disk; to another instance belongs another host key."""
    instance = _instance(config)
    _tell_how_far(machine)
    if machine.disk.instance == instance:
        return
    machine.disk.hostname = config.name
    _write(machine, "/etc/hostname", f"{config.name}\n")
    hosts = f"127.0.0.1 localhost\n127.0.1.1 {config.name}\n::1 localhost ip6-localhost\n"
    _write(machine, "/etc/hosts", hosts)
    _ensure_user(machine, config)
    _make_host_key(machine, config.name)
    _ensure_machine_id(machine)
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
        uid = accounts.next_uid(system=False)
        accounts.users[name] = User(
            name=name, uid=uid, group=name, home=f"/home/{name}", login_shell="/bin/bash"
        )
    for group in GROUPS:
        known = accounts.groups.get(group)
        if known is not None and name not in known.members:
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


def _tell_how_far(machine: Machine) -> None:
    """Tell, as cloud-init does at each boot, that all it does before SSH starts is done."""
    machine.files.make_directories("/run/cloud-init")
    at = time.time()
    status: dict[str, object] = {"datasource": "DataSourceNoCloud", "stage": None}
    for stage in STAGES:
        status[stage] = {"errors": [], "start": at, "finished": at}
    _write(machine, "/run/cloud-init/status.json", json.dumps({"v1": status}, indent=1))


def _make_host_key(machine: Machine, name: str) -> None:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    secret, open_to_all = Node(kind=Kind.FILE, mode=0o600), Node(kind=Kind.FILE, mode=0o644)
    machine.files.write(HOST_KEY, private, template=secret)
    line = public + f" root@{name}\n".encode()
    machine.files.write(f"{HOST_KEY}.pub", line, template=open_to_all)


def _ensure_machine_id(machine: Machine) -> None:
    """Give an id to a disk that has none, as systemd does before anything else."""
    known = machine.files.text(MACHINE_ID) if machine.files.find(MACHINE_ID) else ""
    if known.strip() in {"", "uninitialized"}:
        _write(machine, MACHINE_ID, f"{uuid.uuid4().hex}\n")


def _write(machine: Machine, path: str, text: str) -> None:
    machine.files.write(path, text.encode(), template=Node(kind=Kind.FILE, mode=0o644))
