"""apt of the guest: installs and removes packages of the table with all their effects."""

import contextlib
import time

from proxmox_lab.guests.simulated.model.accounts import User
from proxmox_lab.guests.simulated.model.catalogue import Package, catalogue, closure
from proxmox_lab.guests.simulated.model.image import place
from proxmox_lab.guests.simulated.model.unit_files import find_unit
from proxmox_lab.guests.simulated.system.jobs import JobFailed, start_unit
from proxmox_lab.guests.simulated.system.machine import Machine
from proxmox_lab.guests.simulated.system.stopping import stop_unit

POLICY = "/usr/sbin/policy-rc.d"  # who lays one down wants nothing started


def available(machine: Machine, name: str) -> bool:
    """Whether apt knows the package: from its lists, or because it is installed."""
    return name in machine.disk.packages or (name in catalogue() and machine.disk.lists_updated > 0)


async def install(machine: Machine, names: list[str], *, starting: bool = True) -> list[str]:
    """Install packages with their dependencies; returns the names of what is new."""
    packages = closure(names, machine.disk.packages)
    starting = starting and machine.files.find(POLICY) is None
    for package in packages:
        await _unpack(machine, package, starting=starting)
    return [package.name for package in packages]


async def remove(machine: Machine, names: list[str], *, purge: bool) -> list[str]:
    """Remove installed packages; configuration under /etc stays unless purged."""
    gone = [name for name in names if name in machine.disk.packages]
    for name in gone:
        package = catalogue().get(name)
        if package is not None:
            for unit in package.start:
                await stop_unit(machine, unit)
                machine.units.enable(unit, enabled=False)
            for path, spec in package.files.items():
                shared = spec.kind == "directory" and machine.files.find(path) is not None
                if purge or not (path.startswith("/etc/") or shared):
                    machine.files.remove(path)
        del machine.disk.packages[name]
    return gone


def _make_users(machine: Machine, package: Package) -> None:
    for name, spec in package.users.items():
        if name not in machine.accounts.users:
            machine.accounts.ensure_group(name, system=spec.system)
            user = User(
                name=name,
                uid=machine.accounts.next_uid(system=spec.system),
                group=name,
                home=spec.home,
                login_shell=spec.shell,
                system=spec.system,
            )
            machine.accounts.users[name] = user


async def _unpack(machine: Machine, package: Package, *, starting: bool) -> None:
    _make_users(machine, package)
    now = time.time()
    for path, spec in package.files.items():
        conffile = path.startswith("/etc/") and machine.files.find(path) is not None
        if not conffile:
            place(machine.files, path, spec, now=now)
    machine.disk.packages[package.name] = package.version
    for unit in package.enable:
        if find_unit(machine.files, unit) and not machine.units.masked(unit):
            machine.units.enable(unit, enabled=True)
    for unit in package.start if starting else ():
        # a package whose service does not start is still installed
        with contextlib.suppress(JobFailed):
            await start_unit(machine, unit)
