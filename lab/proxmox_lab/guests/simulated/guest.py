"""One simulated guest: its power, its agent, and its disk's way to the real disk.

off --start--> booting --(agent answers)--> --(SSH answers)--> up --stop/shutdown--> off
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from proxmox_lab.guests.port import (
    ExecResult,
    GuestConfig,
    GuestFailure,
    Interface,
    Reach,
    ReachedPort,
)
from proxmox_lab.guests.simulated.cloud_init import run_cloud_init
from proxmox_lab.guests.simulated.inside import Inside, hardware_of, open_inside
from proxmox_lab.guests.simulated.inspection import inspected
from proxmox_lab.guests.simulated.loopback import Foothold, take_foothold
from proxmox_lab.guests.simulated.system.jobs import boot_units, halt_units
from proxmox_lab.guests.simulated.system.stopping import stop_units

log = logging.getLogger(__name__)

LAST_WORDS = 0.2  # seconds between a guest's own reboot command and the deed
AGENT_SHARE = 0.7  # of the boot time passes before the agent answers


class SimulatedGuest:
    """A ``Guest`` made of a model, a few sockets and one JSON file."""

    def __init__(self, config: GuestConfig, *, boot_seconds: float) -> None:
        """Stand there with power off, unopened."""
        self._config = config
        self._boot_seconds = boot_seconds
        self._foothold: Foothold | None = None
        self._boot: asyncio.Task[None] | None = None
        self._power: asyncio.Task[None] | None = None
        self._since = 0.0

    @cached_property
    def _inside(self) -> Inside:
        return open_inside(self._config.directory, powered=lambda: self.running)

    @property
    def is_open(self) -> bool:
        """Whether anybody has looked inside since the lab began."""
        return "_inside" in self.__dict__

    @property
    def running(self) -> bool:
        """Whether the power is on."""
        return self._foothold is not None

    @property
    def uptime(self) -> float:
        """Seconds since power on."""
        return time.monotonic() - self._since if self.running else 0.0

    @property
    def lets_go(self) -> bool:
        """There is a system inside that does."""
        return True

    async def start(self, config: GuestConfig) -> None:
        """Power on; the agent and SSH answer after the boot time."""
        if self.running:
            return
        self._config = config
        self._foothold = take_foothold(config.vmid)
        self._since = time.monotonic()
        machine = self._inside.machine
        machine.hardware = hardware_of(config, loopback=self._foothold.address)
        machine.booted_at, machine.boot_id = time.time(), str(uuid.uuid4())
        machine.power_request = self._requested_from_inside
        self._boot = asyncio.create_task(self._come_up(self._foothold))
        if machine.disk.instance:  # cloud-init writes a disk that has never booted
            self.save()

    async def _come_up(self, foothold: Foothold) -> None:
        try:
            await asyncio.sleep(self._boot_seconds * AGENT_SHARE)
            run_cloud_init(self._inside.machine, self._config)
            self.save()
            self._inside.agent.up = True
            await asyncio.sleep(self._boot_seconds * (1 - AGENT_SHARE))
            await boot_units(self._inside.machine)
            await self._inside.server.listen(foothold.ssh)
        except (OSError, ValueError):
            log.exception("simulated guest %d did not come up", self._config.vmid)

    async def stop(self) -> None:
        """Cut the power."""
        if not self.is_open:
            return
        await self.halt()
        self.save()
        self._inside.writer.sweep()

    async def forget(self) -> None:
        """End for good: nothing is written any more."""
        await self.halt()
        if self.is_open:
            self._inside.writer.close()

    async def halt(self) -> None:
        """End what runs, without a word about it on the disk."""
        if self._power is not None and self._power is not asyncio.current_task():
            self._power.cancel()
        if self._boot is not None:
            self._boot.cancel()
            await asyncio.wait({self._boot})
            self._boot = None
        if self.is_open:
            self._inside.agent.up = False
            await self._inside.server.close()
            await halt_units(self._inside.machine)
        if self._foothold is not None:
            self._foothold.close()
            self._foothold = None

    async def shutdown(self, timeout: float) -> bool:
        """Ask the guest to power off: one that is still booting when time is up has not heard."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                if self._boot is not None:
                    await asyncio.wait({self._boot})
                    await stop_units(self._inside.machine)
                await self.stop()
        return not self.running

    async def reset(self) -> None:
        """Power off and on again."""
        await self.halt()
        await self.start(self._config)

    async def reboot(self, timeout: float) -> None:
        """Restart from inside."""
        if not await self.shutdown(timeout):
            raise GuestFailure(f"VM {self._config.vmid} did not power off in {timeout:g} seconds")
        await self.start(self._config)

    def _requested_from_inside(self, verb: str) -> None:
        async def obey() -> None:
            await asyncio.sleep(LAST_WORDS)
            await (self.reset() if verb == "reboot" else self.stop())

        self._power = asyncio.create_task(obey())

    async def agent_ping(self) -> bool:
        """Whether the agent answers."""
        return self._inside.agent.up

    async def agent_interfaces(self) -> Sequence[Interface]:
        """The network as the guest sees it."""
        return self._inside.agent.interfaces(self._config)

    async def agent_read_file(self, path: str) -> bytes:
        """A file of the guest."""
        return self._inside.agent.read_file(path)

    async def agent_write_file(self, path: str, content: bytes) -> None:
        """Write a file of the guest as root."""
        self._inside.agent.write_file(path, content)

    async def agent_ask(self, command: str, arguments: Mapping[str, object]) -> object:
        """Ask the agent one of its own commands."""
        return self._inside.agent.ask(command, arguments)

    async def agent_exec(self, command: Sequence[str], stdin: bytes) -> ExecResult:
        """Run a command as root."""
        return await self._inside.agent.execute(command, stdin)

    def reach(self) -> Reach:
        """Every port is on the guest's own loopback address."""
        if self._foothold is None:
            raise GuestFailure(f"VM {self._config.vmid} not running")
        ports = tuple(
            ReachedPort(protocol=protocol, guest_port=port, public_port=port)
            for protocol, port in self._config.ports
        )
        address = self._foothold.address
        return Reach(
            ssh_host=address, ssh_port=self._foothold.ssh_port, public_host=address, ports=ports
        )

    def state(self) -> dict[str, Any]:
        """The whole model in JSON's types, for tests and the curious; no secrets in it."""
        return inspected(self._inside.machine, powered=self.running)

    def save(self) -> None:
        """Write the disk and the power switch, if either has changed since."""
        self._inside.writer.write()
