"""A guest that is powered on: its process, its control channel, its agent."""

import time
from contextlib import suppress
from typing import Final

from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.guests.qemu.agent import GuestAgent
from proxmox_lab.guests.qemu.monitor import Monitor
from proxmox_lab.guests.qemu.process import kill, wait_until_gone
from proxmox_lab.guests.qemu.runs import Run

_PRESS_EVERY: Final = 3.0
_QUIT_SECONDS: Final = 5.0


class Powered:
    """One start of a guest, from power on to power off."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.monitor = Monitor(run.files.monitor)
        self.agent = GuestAgent(run.files.agent)

    @property
    def alive(self) -> bool:
        return self.run.alive

    async def shut_down(self, timeout: float) -> bool:
        """Ask the agent, then press the power button until the guest is off or time is up.

        Once is not enough: a guest that is still booting hears neither.
        """
        end = time.monotonic() + timeout
        with suppress(GuestFailure):
            await self.agent.request_shutdown("powerdown")
        while (left := end - time.monotonic()) > 0:
            if await self._gone_within(min(left, _PRESS_EVERY)):
                return True
            with suppress(GuestFailure):
                await self.monitor.execute("system_powerdown")
        return not self.alive

    async def cut(self) -> None:
        """End the process: by its own monitor if that answers, else by force."""
        with suppress(GuestFailure):
            await self.monitor.execute("quit")
        if not await self._gone_within(_QUIT_SECONDS):
            kill(self.run.pid, self.run.files.folder)
            if not await self._gone_within(_QUIT_SECONDS):
                raise GuestFailure(f"process {self.run.pid} cannot be ended")

    async def _gone_within(self, seconds: float) -> bool:
        return await wait_until_gone(self.run.pid, self.run.files.folder, seconds)
