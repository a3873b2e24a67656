"""The guests of this lab: which machine is alive, and how it is brought back after a restart."""

import logging
import shutil
from dataclasses import replace
from pathlib import Path

from proxmox_lab.guests.port import Guest, GuestFailure, Guests, Origin
from proxmox_lab.machines.cloud_init import guest_config
from proxmox_lab.site.site import Site
from proxmox_lab.site.store import Store
from proxmox_lab.site.things import Machine

log = logging.getLogger(__name__)


class Guesthouse:
    """Keeps the guest of each machine that has one."""

    def __init__(self, guests: Guests, directory: Path) -> None:
        self._guests = guests
        self._directory = directory
        self._alive: dict[int, Guest] = {}

    def find(self, vmid: int) -> Guest | None:
        """Return the machine's guest, if it has one."""
        return self._alive.get(vmid)

    def is_running(self, vmid: int) -> bool:
        """Tell whether the machine is powered on right now."""
        guest = self._alive.get(vmid)
        return guest is not None and guest.running

    def uptime(self, vmid: int) -> int:
        """Return whole seconds since power on."""
        guest = self._alive.get(vmid)
        return int(guest.uptime) if guest and guest.running else 0

    async def create(
        self, machine: Machine, *, source: Machine | None = None, linked: bool = False
    ) -> Guest:
        """Make the machine's guest, as ``source``'s if that has one; or return the one there is."""
        existing = self._alive.get(machine.vmid)
        if existing is None:
            config = guest_config(machine, self._home(machine))
            if source is not None and source.vmid in self._alive:
                home = self._home(source)
                origin = Origin(vmid=source.vmid, directory=home, linked=linked)
                config = replace(config, origin=origin)
            existing = await self._guests.create(config)
            self._alive[machine.vmid] = existing
            machine.guest = True
        return existing

    async def start(self, machine: Machine) -> str | None:
        """Power the machine's guest on with its present configuration; it may tell how."""
        guest = await self.create(machine)
        return await guest.start(guest_config(machine, self._home(machine)))

    async def resize(self, machine: Machine, size: int) -> None:
        """Grow the machine's disk, if anything lies behind it."""
        if machine.vmid in self._alive:
            await self._guests.resize(guest_config(machine, self._home(machine)), size)

    async def snapshot(self, machine: Machine, name: str) -> None:
        """Note the state of the machine's disk, if anything lies behind it."""
        if machine.vmid in self._alive:
            await self._guests.snapshot(guest_config(machine, self._home(machine)), name)

    async def roll_back(self, machine: Machine, name: str) -> None:
        """Bring a noted state of the disk back; the machine is off."""
        if machine.vmid in self._alive:
            config = guest_config(machine, self._home(machine))
            self._alive[machine.vmid] = await self._guests.roll_back(config, name)

    async def forget_snapshot(self, machine: Machine, name: str) -> None:
        """Forget a noted state of the disk."""
        if machine.vmid in self._alive:
            await self._guests.forget_snapshot(guest_config(machine, self._home(machine)), name)

    async def destroy(self, machine: Machine) -> None:
        """Forget the guest and its folder."""
        if self._alive.pop(machine.vmid, None) is not None:
            await self._guests.destroy(guest_config(machine, self._home(machine)))
        shutil.rmtree(self._directory / str(machine.vmid), ignore_errors=True)

    async def wake(self, site: Site) -> None:
        """Find every guest again and start those that were running."""
        for machine in site.machines.values():
            if not machine.guest:
                continue
            try:
                guest = await self._guests.adopt(guest_config(machine, self._home(machine)))
                self._alive[machine.vmid] = guest
                if machine.powered and not guest.running:
                    await guest.start(guest_config(machine, self._home(machine)))
            except GuestFailure:
                log.exception("guest did not come back", extra={"vmid": machine.vmid})

    async def close(self, site: Site, store: Store) -> None:
        """Note who runs, then let go of all guests."""
        for machine in site.machines.values():
            running = self.is_running(machine.vmid)
            if machine.guest and machine.powered != running:
                machine.powered = running
                store.save_machine(machine)
        await self._guests.close()

    def _home(self, machine: Machine) -> Path:
        home = self._directory / str(machine.vmid)
        home.mkdir(parents=True, exist_ok=True)
        return home
