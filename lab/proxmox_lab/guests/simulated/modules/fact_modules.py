"""setup on the model: the facts that playbooks read, true of the model."""

import fnmatch
import time
from datetime import UTC, datetime

from proxmox_lab.guests.simulated.model.image import base_image
from proxmox_lab.guests.simulated.model.machine import MIB
from proxmox_lab.guests.simulated.modules.task import Answer, Task


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
    release, machine = base_image().release, task.machine
    hardware, user = machine.hardware, machine.accounts.users[task.actor.name]
    return _network(task) | {
        "system": "Linux", "os_family": "Debian", "distribution": "Debian",
        "distribution_version": release.point, "distribution_major_version": release.version,
        "distribution_release": release.codename, "distribution_file_variety": "Debian",
        "lsb": {"codename": release.codename, "id": "Debian", "release": release.version},
        "kernel": release.kernel, "architecture": "x86_64", "machine": "x86_64", "userspace_bits": "64",
        "hostname": machine.disk.hostname, "nodename": machine.disk.hostname, "fqdn": machine.disk.hostname,
        "domain": "", "pkg_mgr": "apt", "service_mgr": "systemd",
        "python_version": release.python, "python": {"executable": "/usr/bin/python3", "has_sslcontext": True},
        "processor_vcpus": hardware.cores, "processor_cores": hardware.cores, "processor_count": 1,
        "processor_nproc": hardware.cores, "memtotal_mb": hardware.memory_mib,
        "memfree_mb": hardware.memory_mib * 3 // 4, "swaptotal_mb": 0,
        "mounts": [{"mount": "/", "device": "/dev/sda1", "fstype": "ext4", "size_total": hardware.disk_bytes,
                    "size_available": hardware.disk_bytes - 900 * MIB}],
        "virtualization_type": "kvm", "virtualization_role": "guest", "product_name": "simulated guest",
        "is_chroot": False, "selinux": {"status": "disabled"}, "apparmor": {"status": "enabled"},
        "uptime_seconds": int(time.time() - machine.booted_at),
        "user_id": user.name, "user_uid": user.uid, "user_gid": machine.accounts.gid(user.group),
        "user_dir": user.home, "user_shell": user.shell, "real_user_id": user.uid, "effective_user_id": user.uid,
        "env": dict(task.session.variables), "date_time": _date_time(),
    }  # fmt: skip


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
