"""Guests that misbehave: a shell around each guest, through which the faults reach in."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from proxmox_lab.faults.faults import Faults, Occasion
from proxmox_lab.faults.rule import FaultRule, Scope
from proxmox_lab.guests.port import ExecResult, Guest, GuestConfig, Guests, Interface, Reach
from proxmox_lab.machines.cloud_init import guest_config
from proxmox_lab.site.site import Site

CLOSED_PORT: Final = 1
HOST_KEY: Final = "/etc/ssh/ssh_host_"
OTHER_KEY: Final = (
    b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHCZrz3HDgYEMBYBpANHSpYBFT+Nz6Cd0VyENlTqv7qJ other\n"
)
Resolve = Callable[[str, int], str]  # "node", "other" or an address, for a machine: an address


def address_of(site: Site, word: str, vmid: int) -> str:
    """Return the address a word stands for: ``node``, ``other`` or the address itself."""
    if word == "node":
        machine = site.cluster.get(vmid)
        return site.nodes[machine.node if machine else site.node].address
    if word == "other":
        others = (m for m in site.cluster.values() if m.vmid != vmid)
        known = (guest_config(machine, Path()).address for machine in others)
        return next(filter(None, known), "127.0.0.1")
    return word


class VexedGuest:
    """A guest as the faults let it appear. What befalls it is decided once for each fault."""

    def __init__(self, inner: Guest, vmid: int, *, faults: Faults, resolve: Resolve) -> None:
        self.inner = inner
        self._occasion = Occasion(scope=Scope.GUEST, machines=(vmid,))
        self._faults = faults
        self._resolve = resolve
        self._verdicts: dict[str, bool] = {}

    @property
    def running(self) -> bool:
        return self.inner.running

    @property
    def uptime(self) -> float:
        return self.inner.uptime

    @property
    def lets_go(self) -> bool:
        return self.inner.lets_go

    async def start(self, config: GuestConfig) -> str | None:
        return await self.inner.start(config)

    async def shutdown(self, timeout: float) -> bool:
        if self._suffered("deafen"):
            await asyncio.sleep(timeout)
            return not self.running
        return await self.inner.shutdown(timeout)

    async def stop(self) -> None:
        await self.inner.stop()

    async def reset(self) -> None:
        await self.inner.reset()

    async def reboot(self, timeout: float) -> None:
        await self.inner.reboot(timeout)

    async def agent_ping(self) -> bool:
        return not self._suffered("silence") and await self.inner.agent_ping()

    async def agent_interfaces(self) -> Sequence[Interface]:
        found = await self.inner.agent_interfaces()
        lie = self._suffered("mislead")
        if lie is None:
            return found
        address = self._resolve(lie.address, self._occasion.machine)
        told = address if "/" in address else f"{address}/{128 if ':' in address else 16}"
        return [one if one.name == "lo" else replace(one, addresses=(told,)) for one in found]

    async def agent_read_file(self, path: str) -> bytes:
        content = await self.inner.agent_read_file(path)
        is_key = path.startswith(HOST_KEY) and path.endswith(".pub")
        return OTHER_KEY if is_key and self._suffered("rekey") else content

    async def agent_write_file(self, path: str, content: bytes) -> None:
        await self.inner.agent_write_file(path, content)

    async def agent_ask(self, command: str, arguments: Mapping[str, object]) -> object:
        return await self.inner.agent_ask(command, arguments)

    async def agent_exec(self, command: Sequence[str], stdin: bytes) -> ExecResult:
        return await self.inner.agent_exec(command, stdin)

    def reach(self) -> Reach:
        found = self.inner.reach()
        return replace(found, ssh_port=CLOSED_PORT) if self._suffered("lockout") else found

    def _suffered(self, action: str) -> FaultRule | None:
        """Return the first rule of that kind which has this guest; the dice fall once for each."""
        for fault in self._faults.all():
            if fault.rule.action != action or fault.is_over or not fault.fits(self._occasion):
                continue
            if fault.id not in self._verdicts:
                self._verdicts[fault.id] = fault.strike(self._occasion) is not None
            if self._verdicts[fault.id]:
                return fault.rule
        return None


class VexedGuests:
    """Guests of any kind, each in its shell."""

    def __init__(self, inner: Guests, *, faults: Faults, resolve: Resolve) -> None:
        self._inner = inner
        self._faults = faults
        self._resolve = resolve

    async def create(self, config: GuestConfig) -> Guest:
        return self._shelled(await self._inner.create(config), config)

    async def adopt(self, config: GuestConfig) -> Guest:
        return self._shelled(await self._inner.adopt(config), config)

    async def resize(self, config: GuestConfig, size: int) -> None:
        await self._inner.resize(config, size)

    async def snapshot(self, config: GuestConfig, name: str) -> None:
        await self._inner.snapshot(config, name)

    async def roll_back(self, config: GuestConfig, name: str) -> Guest:
        return self._shelled(await self._inner.roll_back(config, name), config)

    async def forget_snapshot(self, config: GuestConfig, name: str) -> None:
        await self._inner.forget_snapshot(config, name)

    async def destroy(self, config: GuestConfig) -> None:
        await self._inner.destroy(config)

    async def close(self) -> None:
        await self._inner.close()

    def _shelled(self, guest: Guest, config: GuestConfig) -> VexedGuest:
        return VexedGuest(guest, config.vmid, faults=self._faults, resolve=self._resolve)
