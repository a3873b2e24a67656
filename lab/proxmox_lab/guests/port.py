"""What the hypervisor side needs of guests, whatever they are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class GuestFailure(Exception):
    """The guest could not do it. The text becomes the task's error, in Proxmox's manner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The machine whose disk a new one begins with. ``linked``: it goes on resting on it."""

    vmid: int
    directory: Path
    linked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestConfig:
    """What the hypervisor knows of a VM. ``address`` with prefix (``10.77.0.5/16``) or None."""

    vmid: int
    name: str
    directory: Path  # the guest's own folder, kept across restarts of the lab
    template: str  # name of the template its disk descends from
    origin: "Origin | None" = None  # the machine whose disk it is made from, if it has one
    cores: int
    memory_mib: int
    disk_bytes: int
    mac: str
    user: str = "debian"
    ssh_keys: tuple[str, ...] = ()
    address: str | None = None
    gateway: str | None = None
    nameservers: tuple[str, ...] = ()
    ports: tuple[tuple[str, int], ...] = ()  # (("udp", 30000),): what outsiders must reach


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachedPort:
    """A guest's port and where outsiders find it (on ``Reach.public_host``)."""

    protocol: str
    guest_port: int
    public_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """From where a running guest is reached: always loopback here."""

    ssh_host: str
    ssh_port: int
    public_host: str
    ports: tuple[ReachedPort, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One network interface as the guest agent tells it; addresses with prefix."""

    name: str
    mac: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """A command run by the guest agent."""

    exit_code: int
    out: bytes = b""
    err: bytes = b""


class Guest(Protocol):
    """One machine. Every verb may be repeated; failures raise ``GuestFailure``."""

    @property
    def running(self) -> bool: ...
    @property
    def uptime(self) -> float: ...

    @property
    def lets_go(self) -> bool:
        """Tell whether the running guest gives a device up when it is unplugged."""
        ...

    async def start(self, config: GuestConfig) -> str | None:
        """Power on with this config (cloud-init fields are applied); returns once powered.

        What it returns is worth a line in the task's log.
        """
        ...

    async def shutdown(self, timeout: float) -> bool:
        """Ask the guest to power off; True if it did within ``timeout`` seconds."""
        ...

    async def stop(self) -> None:
        """Cut the power."""
        ...

    async def reset(self) -> None: ...
    async def reboot(self, timeout: float) -> None: ...

    async def agent_ping(self) -> bool: ...
    async def agent_interfaces(self) -> Sequence[Interface]: ...

    async def agent_read_file(self, path: str) -> bytes:
        """Raises ``GuestFailure`` with the guest's own error text."""
        ...

    async def agent_write_file(self, path: str, content: bytes) -> None:
        """Raises ``GuestFailure`` with the guest's own error text."""
        ...

    async def agent_exec(self, command: Sequence[str], stdin: bytes) -> ExecResult: ...

    async def agent_ask(self, command: str, arguments: Mapping[str, object]) -> object:
        """Return the agent's answer to one of its own commands (``guest-get-osinfo``).

        Raises ``GuestFailure`` with the agent's text, for a command it does not know too.
        """
        ...

    def reach(self) -> Reach: ...


class Guests(Protocol):
    """Makes, finds and forgets guests."""

    async def create(self, config: GuestConfig) -> Guest:
        """Make the machine's disk as a clone of ``config.template``; not started."""
        ...

    async def adopt(self, config: GuestConfig) -> Guest:
        """Find an existing machine again after a restart of the lab, running or not."""
        ...

    async def resize(self, config: GuestConfig, size: int) -> None:
        """Grow the disk to ``size`` bytes."""
        ...

    async def snapshot(self, config: GuestConfig, name: str) -> None:
        """Note the disk's state under a name; the machine may run."""
        ...

    async def roll_back(self, config: GuestConfig, name: str) -> Guest:
        """Bring a noted state of the disk back; the machine is stopped and stays so."""
        ...

    async def forget_snapshot(self, config: GuestConfig, name: str) -> None: ...

    async def destroy(self, config: GuestConfig) -> None:
        """Forget the machine and delete its disk; it is stopped."""
        ...

    async def close(self) -> None:
        """Let go: simulated guests end, real ones go on without us unless told otherwise."""
        ...
