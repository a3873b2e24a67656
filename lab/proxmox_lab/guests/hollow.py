"""Guests without an inside: they have power, but no agent, no SSH and no ear for shutdown."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from proxmox_lab.guests.port import ExecResult, GuestConfig, GuestFailure, Interface, Reach


class HollowGuest:
    """A machine that runs nothing."""

    def __init__(self) -> None:
        self._since: float | None = None

    @property
    def running(self) -> bool:
        return self._since is not None

    @property
    def uptime(self) -> float:
        return time.monotonic() - self._since if self._since is not None else 0.0

    @property
    def lets_go(self) -> bool:
        """Nobody is there to do it."""
        return False

    async def start(self, config: GuestConfig) -> None:  # noqa: ARG002 (the port's signature)
        self._since = time.monotonic()

    async def shutdown(self, timeout: float) -> bool:
        await asyncio.sleep(timeout)
        return False

    async def stop(self) -> None:
        self._since = None

    async def reset(self) -> None:
        self._since = time.monotonic()

    async def reboot(self, timeout: float) -> None:
        await asyncio.sleep(timeout)

    async def agent_ping(self) -> bool:
        return False

    async def agent_interfaces(self) -> Sequence[Interface]:
        return []

    async def agent_read_file(self, path: str) -> bytes:
        raise GuestFailure(f"failed to open file '{path}': No such file or directory")

    async def agent_write_file(self, path: str, content: bytes) -> None:  # noqa: ARG002 (port's)
        raise GuestFailure(f"failed to open file '{path}' (mode: 'wb'): No such file or directory")

    async def agent_ask(self, command: str, arguments: Mapping[str, object]) -> object:  # noqa: ARG002 (port's)
        raise GuestFailure(f"The command {command} has not been found")

    async def agent_exec(self, command: Sequence[str], stdin: bytes) -> ExecResult:  # noqa: ARG002
        raise GuestFailure(f"Failed to execute child process “{command[0]}”")

    def reach(self) -> Reach:
        return Reach(ssh_host="127.0.0.1", ssh_port=22, public_host="127.0.0.1")


class HollowGuests:
    """Makes hollow guests."""

    async def create(self, config: GuestConfig) -> HollowGuest:  # noqa: ARG002 (the port's)
        return HollowGuest()

    async def adopt(self, config: GuestConfig) -> HollowGuest:  # noqa: ARG002 (the port's)
        return HollowGuest()

    async def resize(self, config: GuestConfig, size: int) -> None:
        """Nothing lies behind the disk."""

    async def snapshot(self, config: GuestConfig, name: str) -> None:
        """There is nothing to note."""

    async def roll_back(self, config: GuestConfig, name: str) -> HollowGuest:  # noqa: ARG002 (port's)
        return await self.adopt(config)

    async def forget_snapshot(self, config: GuestConfig, name: str) -> None:
        """There is nothing to forget."""

    async def destroy(self, config: GuestConfig) -> None:
        """Nothing lies behind the machine."""

    async def close(self) -> None:
        """Nothing runs."""
