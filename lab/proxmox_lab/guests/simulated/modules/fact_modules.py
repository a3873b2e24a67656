"""setup on the model: the facts that playbooks read, true of the model."""

import fnmatch
import time
from datetime import UTC, datetime

from proxmox_lab.guests.simulated.model.image import base_image
from proxmox_lab.guests.simulated.modules.task import Answer, Task
from proxmox_lab.guests.simulated.system.machine import MIB

USED_BYTES = 900 * MIB  # of the disk, by the system itself


async def setup(task: Task) -> Answer:
    """All facts, or those that the filter lets through."""
    facts = {f"ansible_{name}": value for name, value in _facts(task).items()}
    filters = [text for text in task.arguments.texts("filter") if text]
    if filters:
        facts = {
            name: v for name, v in facts.items() if any(_passes(name, text) for text in filters)
        }
    facts |= {"gather_subset": task.arguments.texts("gather_subset"), "module_setup": True}
    return {"changed": False, "ansible_facts": facts}


def _passes(name: str, text: str) -> bool:
    return fnmatch.fnmatch(name, text) or fnmatch.fnmatch(name, f"ansible_{text}")


def _facts(task: Task) -> Answer:
    release = base_image().release
    name = task.machine.disk.hostname
    known: Answer = {
        "distribution_version": release.point,
        "distribution_major_version": release.version,
        "distribution_release": release.codename,
        "lsb": {"codename": release.codename, "id": "Debian", "release": release.version},
        "kernel": release.kernel,
        "python_version": release.python,
        "hostname": name.partition(".")[0],
        "nodename": name,
        "fqdn": name,
        "date_time": _date_time(),
        "env": dict(task.session.variables),
    }
    return {**base_image().facts, **known, **_hardware(task), **_network(task), **_user(task)}


def _hardware(task: Task) -> Answer:
    machine = task.machine
    hardware = machine.hardware
    root = {
        "mount": "/",
        "device": "/dev/sda1",
        "fstype": "ext4",
        "size_total": hardware.disk_bytes,
        "size_available": hardware.disk_bytes - USED_BYTES,
    }
    return {
        "processor_vcpus": hardware.cores,
        "processor_cores": hardware.cores,
        "processor_nproc": hardware.cores,
        "memtotal_mb": hardware.memory_mib,
        "memfree_mb": hardware.memory_mib * 3 // 4,
        "mounts": [root],
        "uptime_seconds": int(time.time() - machine.booted_at),
    }


def _user(task: Task) -> Answer:
    accounts = task.machine.accounts
    user = accounts.users[task.actor.name]
    return {
        "user_id": user.name,
        "user_uid": user.uid,
        "user_gid": accounts.gid(user.group),
        "user_dir": user.home,
        "user_shell": user.login_shell,
        "real_user_id": user.uid,
        "effective_user_id": user.uid,
    }


def _network(task: Task) -> Answer:
    hardware = task.machine.hardware
    address = (hardware.address or "").partition("/")[0]
    default = {
        "address": address,
        "interface": "eth0",
        "gateway": hardware.gateway,
        "macaddress": hardware.mac,
    }
    return {
        "default_ipv4": default if address else {},
        "all_ipv4_addresses": [address] if address else [],
        "interfaces": ["lo", "eth0"],
        "eth0": {
            "active": True,
            "device": "eth0",
            "macaddress": hardware.mac,
            "ipv4": {"address": address},
        },
    }


def _date_time() -> Answer:
    now = datetime.now(UTC)
    return {
        "iso8601": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "epoch": str(int(now.timestamp())),
        "date": now.strftime("%Y-%m-%d"),
        "tz": "UTC",
    }
