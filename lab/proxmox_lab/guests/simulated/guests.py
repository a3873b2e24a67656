"""Makes, finds and forgets simulated guests."""

import shutil
from pathlib import Path

from proxmox_lab.guests.port import GuestConfig
from proxmox_lab.guests.simulated import snapshots
from proxmox_lab.guests.simulated.guest import SimulatedGuest
from proxmox_lab.guests.simulated.model.saved import had_power

BOOT_SECONDS = 0.5


class SimulatedGuests:
    """All simulated guests of one lab; they end with its process and boot again with it."""

    def __init__(self, directory: Path, *, boot_seconds: float = BOOT_SECONDS) -> None:
        """``directory`` is the lab's; each guest keeps its state in its own folder."""
        self._directory = directory
        self._boot_seconds = boot_seconds
        self._guests: dict[int, SimulatedGuest] = {}

    async def create(self, config: GuestConfig) -> SimulatedGuest:
        """Make a guest whose disk is as its origin's is now, or a fresh Debian."""
        if config.origin is not None:
            if (source := self._guests.get(config.origin.vmid)) is not None and source.is_open:
                source.save()
            snapshots.copy(config.origin.directory, config.directory)
        guest = SimulatedGuest(config, boot_seconds=self._boot_seconds)
        self._guests[config.vmid] = guest
        return guest

    async def adopt(self, config: GuestConfig) -> SimulatedGuest:
        """Find a guest by its saved state; one that had power is started again."""
        if (known := self._guests.get(config.vmid)) is not None:
            return known
        guest = await self.create(config)
        if had_power(config.directory):
            await guest.start(config)
        return guest

    async def resize(self, config: GuestConfig, size: int) -> None:
        """The model's disk is as large as it is said to be: at the next start the guest sees it."""

    async def snapshot(self, config: GuestConfig, name: str) -> None:
        """Keep a copy of the saved state."""
        (await self.adopt(config)).save()
        snapshots.keep(config.directory, name)

    async def roll_back(self, config: GuestConfig, name: str) -> SimulatedGuest:
        """Let the present guest go and make one of the kept state."""
        guest = self._guests.pop(config.vmid, None)
        if guest is not None:
            await guest.forget()
        snapshots.bring_back(config.directory, name)
        return await self.adopt(config)

    async def forget_snapshot(self, config: GuestConfig, name: str) -> None:
        """Delete the kept state."""
        snapshots.forget(config.directory, name)

    async def destroy(self, config: GuestConfig) -> None:
        """Forget the guest and delete its folder."""
        guest = self._guests.pop(config.vmid, None)
        if guest is not None:
            await guest.forget()
        shutil.rmtree(config.directory, ignore_errors=True)

    async def close(self) -> None:
        """Let the guests end; those that had power will boot with the next lab."""
        for guest in self._guests.values():
            if guest.is_open:
                guest.save()
                await guest.halt()
        self._guests.clear()
