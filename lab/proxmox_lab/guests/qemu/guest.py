"""One real guest: a QEMU process that goes on without us, and what we know of it."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from proxmox_lab.guests.port import ExecResult, GuestConfig, GuestFailure, Interface, Reach
from proxmox_lab.guests.qemu import disk_states, image
from proxmox_lab.guests.qemu.agent import NOT_RUNNING, GuestAgent
from proxmox_lab.guests.qemu.boot_slots import BootSlots
from proxmox_lab.guests.qemu.launch import Launcher
from proxmox_lab.guests.qemu.network import choose_reach, may_bind
from proxmox_lab.guests.qemu.power import Powered
from proxmox_lab.guests.qemu.runs import Runs


class QemuGuest:
    """Its power, its agent, its reach. A guest found alive is taken over as it is."""

    def __init__(self, config: GuestConfig, *, launcher: Launcher, slots: BootSlots) -> None:
        self._config = config
        self._launcher = launcher
        self._slots = slots
        self._runs = Runs(config.directory)
        self._changing = asyncio.Lock()
        alive = self._runs.find_alive()
        self._powered = Powered(alive) if alive else None

    @property
    def running(self) -> bool:
        return self._powered is not None and self._powered.alive

    @property
    def uptime(self) -> float:
        if self._powered is None or not self._powered.alive:
            return 0.0
        return max(0.0, time.time() - self._powered.run.began)

    @property
    def lets_go(self) -> bool:
        """There is a system inside that does."""
        return True

    async def start(self, config: GuestConfig) -> str | None:
        """Power on with this config; waits for its turn while many others boot."""
        async with self._changing:
            self._config = config
            if self.running:
                return None
            slot = await self._slots.take()
            try:
                alive, said = self._runs.find_alive(), None
                if alive is None:
                    alive, said = await self._launcher.launch(config, self._runs)
                self._powered = Powered(alive)
            except BaseException:
                slot.give_back()
                raise
            self._slots.watch(slot, self._powered)
            return said

    async def shutdown(self, timeout: float) -> bool:
        """Ask for power off; True if the guest is off within ``timeout`` seconds."""
        return self._powered is None or await self._powered.shut_down(timeout)

    async def stop(self) -> None:
        """Cut the power; a guest that is off stays off."""
        if self._powered is not None and self._powered.alive:
            await self._powered.cut()

    async def reset(self) -> None:
        """Press the reset button."""
        await self._on().monitor.execute("system_reset")

    async def reboot(self, timeout: float) -> None:
        """Shut down and start again, as Proxmox does, so that a changed config takes effect."""
        if not await self._on().shut_down(timeout):
            raise GuestFailure("VM quit/powerdown failed")
        await self.start(self._config)

    async def grow_disk(self, size: int) -> None:
        """Grow the disk; a running guest sees the new size at once."""
        disk = self._config.directory / "disk.qcow2"
        if self._powered is None or not self._powered.alive:
            await image.grow(disk, size)
        elif await image.virtual_size(disk) < size:
            await self._powered.monitor.execute("block_resize", device="d0", size=size)

    async def snapshot_disk(self, name: str) -> None:
        """Note the disk's state inside its image."""
        await disk_states.note(self._config.directory / "disk.qcow2", name, self._alive())

    async def forget_snapshot(self, name: str) -> None:
        """Remove a noted state of the disk."""
        await disk_states.forget(self._config.directory / "disk.qcow2", name, self._alive())

    async def agent_ping(self) -> bool:
        """Tell whether the agent answers; it does about when SSH does."""
        return self.running and await self._on().agent.ping()

    async def agent_interfaces(self) -> Sequence[Interface]:
        """Return the guest's own view of its network."""
        return await self._agent().interfaces()

    async def agent_read_file(self, path: str) -> bytes:
        """Return a file's content; raises ``GuestFailure`` with the guest's error text."""
        return await self._agent().read_file(path)

    async def agent_write_file(self, path: str, content: bytes) -> None:
        """Write a file in the guest as root."""
        await self._agent().write_file(path, content)

    async def agent_ask(self, command: str, arguments: Mapping[str, object]) -> object:
        """Pass one of the agent's own commands on."""
        return await self._agent().ask(command, arguments)

    async def agent_exec(self, command: Sequence[str], stdin: bytes) -> ExecResult:
        """Run a command in the guest as root."""
        return await self._agent().execute(command, stdin)

    def reach(self) -> Reach:
        """Return from where the guest is reached; it stays the same from start to start."""
        if self._powered is not None and self._powered.alive:
            return self._powered.run.reach
        return self._runs.last_reach() or choose_reach(self._config, may_bind)

    async def forget(self) -> None:
        """Remove what its starts left behind."""
        await self._runs.end_unfinished()
        self._runs.forget()

    def _agent(self) -> GuestAgent:
        if not self.running:
            raise GuestFailure(NOT_RUNNING)
        return self._on().agent

    def _on(self) -> Powered:
        if (powered := self._alive()) is None:
            raise GuestFailure(f"VM {self._config.vmid} not running")
        return powered

    def _alive(self) -> Powered | None:
        return self._powered if self._powered is not None and self._powered.alive else None
