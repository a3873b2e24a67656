"""What a simulated guest's agent answers to its own commands, by their QGA names."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.guests.simulated.model.image import base_image
from proxmox_lab.guests.simulated.system.machine import MIB, Machine

VERSION: Final = "10.0.3"
Arguments = Mapping[str, object]
Answer = Callable[[Machine, Arguments], object]


def answer(machine: Machine, command: str, arguments: Arguments) -> object:
    """Answer a command, or say that there is none of that name."""
    found = _ANSWERS.get(command)
    if found is None:
        raise GuestFailure(f"The command {command} has not been found")
    return found(machine, arguments)


def _info(_: Machine, __: Arguments) -> object:
    names = [*_ANSWERS, "guest-exec", "guest-exec-status", "guest-file-open", "guest-file-read"]
    known = [{"name": name, "enabled": True, "success-response": True} for name in names]
    return {"version": VERSION, "supported_commands": known}


def _osinfo(_: Machine, __: Arguments) -> object:
    release = base_image().release
    version = f"{release.version} ({release.codename})"
    return {
        "id": "debian", "name": "Debian GNU/Linux", "pretty-name": f"Debian GNU/Linux {version}",
        "version": version, "version-id": release.version, "machine": "x86_64",
        "kernel-release": release.kernel, "kernel-version": "#1 SMP PREEMPT_DYNAMIC Debian",
    }  # fmt: skip


def _vcpus(machine: Machine, _: Arguments) -> object:
    numbers = range(machine.hardware.cores)
    return [{"logical-id": n, "online": True, "can-offline": n > 0} for n in numbers]


def _filesystems(machine: Machine, _: Arguments) -> object:
    controller = {"domain": 0, "bus": 1, "slot": 1, "function": 0}
    disk = {
        "dev": "/dev/sda1", "bus-type": "scsi", "bus": 0, "target": 0, "unit": 0,
        "pci-controller": controller, "serial": "0QEMU_QEMU_HARDDISK_drive-scsi0",
    }  # fmt: skip
    return [
        {"name": "sda1", "mountpoint": "/", "type": "ext4", "disk": [disk],
         "total-bytes": machine.hardware.disk_bytes, "used-bytes": 663 * MIB}
    ]  # fmt: skip


def _memory(machine: Machine, _: Arguments) -> object:
    blocks = max(1, machine.hardware.memory_mib // 128)
    return [{"phys-index": n, "online": True, "can-offline": True} for n in range(blocks)]


def _freeze(machine: Machine, _: Arguments) -> object:
    machine.frozen = True
    return 1


def _thaw(machine: Machine, _: Arguments) -> object:
    was, machine.frozen = machine.frozen, False
    return int(was)


def _frozen(machine: Machine, _: Arguments) -> object:
    return "frozen" if machine.frozen else "thawed"


def _set_password(machine: Machine, arguments: Arguments) -> object:
    name = str(arguments["username"])
    user = machine.accounts.users.get(name)
    if user is None:
        raise GuestFailure("child process has failed to set user password")
    given = base64.b64decode(str(arguments["password"])).decode()
    machine.accounts.users[name] = replace(
        user, hash=given if arguments.get("crypted") else _hashed(given)
    )
    machine.changed()
    return {}


def _hashed(password: str) -> str:
    """A hash in crypt's form that nothing here can open: the model logs in by keys."""
    salt = secrets.token_hex(8)
    digest = hashlib.sha512(f"{salt}{password}".encode()).digest()
    return f"$6${salt}${base64.b64encode(digest).decode()}"


def _power_off(machine: Machine, arguments: Arguments) -> object:
    machine.power_request("reboot" if arguments.get("mode") == "reboot" else "poweroff")
    return {}


def _cannot_sleep(_: Machine, __: Arguments) -> object:
    raise GuestFailure("the requested suspend mode is not supported by the guest")


_ANSWERS: Final[Mapping[str, Answer]] = {
    "guest-ping": lambda _, __: {},
    "guest-info": _info,
    "guest-get-osinfo": _osinfo,
    "guest-get-host-name": lambda machine, _: {"host-name": machine.disk.hostname},
    "guest-get-time": lambda _, __: time.time_ns(),
    "guest-get-timezone": lambda _, __: {"zone": "UTC", "offset": 0},
    "guest-get-users": lambda _, __: [],
    "guest-get-vcpus": _vcpus,
    "guest-get-fsinfo": _filesystems,
    "guest-get-memory-blocks": _memory,
    "guest-get-memory-block-info": lambda _, __: {"size": 128 * MIB},
    "guest-fsfreeze-freeze": _freeze,
    "guest-fsfreeze-thaw": _thaw,
    "guest-fsfreeze-status": _frozen,
    "guest-fstrim": lambda _, __: {"paths": [{"path": "/", "trimmed": 0, "minimum": 0}]},
    "guest-set-user-password": _set_password,
    "guest-shutdown": _power_off,
    "guest-suspend-ram": _cannot_sleep,
    "guest-suspend-disk": _cannot_sleep,
    "guest-suspend-hybrid": _cannot_sleep,
}
