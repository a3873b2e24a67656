"""One Debian guest: the parts that remember, and the jobs that involve several of them."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from proxmox_lab.guests.simulated.model.accounts import Accounts
from proxmox_lab.guests.simulated.model.actor import Actor
from proxmox_lab.guests.simulated.model.disk import Disk
from proxmox_lab.guests.simulated.model.files import FileTree
from proxmox_lab.guests.simulated.model.units import Units
from proxmox_lab.guests.simulated.programs.running import Process

FIRST_PID = 400
MIB = 1024 * 1024

# runs a command as somebody; exit code and what it wrote
CommandRunner = Callable[[list[str], Actor], Awaitable[tuple[int, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What the guest sees of its VM."""

    cores: int = 1
    memory_mib: int = 1024
    disk_bytes: int = 2048 * MIB
    mac: str = "52:54:00:00:00:01"
    address: str | None = None  # "10.77.0.5/16"
    gateway: str | None = None
    loopback: str = "127.0.0.1"  # where its sockets are, on the machine that runs the lab


class Machine:
    """A disk with power on it: units run, processes listen."""

    def __init__(self, disk: Disk, *, changed: Callable[[], None]) -> None:
        """``changed`` is called whenever the disk may differ from what is saved."""
        self.disk = disk
        self.hardware = Hardware()
        self.units = Units(disk.files)
        self.processes: dict[int, Process] = {}
        self.booted_at = time.time()
        self.boot_id = ""
        self.last_words: dict[str, list[str]] = {}  # of units, at the last shutdown
        self.frozen = False  # by the agent, for a backup; nothing is held back here
        self.mirror_is_away = False  # apt finds nobody to fetch its lists from
        self.power_request: Callable[[str], None] = lambda _verb: None
        self.run_command: CommandRunner = _no_shell_yet
        self._changed = changed
        self._last_pid = FIRST_PID

    @property
    def files(self) -> FileTree:
        """The guest's files."""
        return self.disk.files

    @property
    def accounts(self) -> Accounts:
        """The guest's users and groups."""
        return self.disk.accounts

    def changed(self) -> None:
        """Say that the disk may have changed; the derived files follow the tables."""
        self._changed()

    def actor(self, name: str) -> Actor:
        """A user as the permission bits see them."""
        return Actor(name=name, groups=tuple(self.accounts.groups_of(name)))

    def next_pid(self) -> int:
        """A process number not used since boot."""
        self._last_pid += 7
        return self._last_pid

    def listening(self, transport: str) -> list[int]:
        """The ports that are open, the SSH server's among them."""
        sockets = [socket for process in self.processes.values() for socket in process.sockets]
        ports = [port for its_transport, port in sockets if its_transport == transport]
        return sorted([*ports, 22] if transport == "tcp" else ports)


async def _no_shell_yet(_words: list[str], _actor: Actor) -> tuple[int, str]:
    return 127, "this machine has no shell"
