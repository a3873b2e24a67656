"""One verified call of a method, and the lab it is made on."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from proxmox_lab.access.identity import Doorkeeper
from proxmox_lab.clock import Clock
from proxmox_lab.guests.port import Guests
from proxmox_lab.history.history import History
from proxmox_lab.machines.executions import Executions
from proxmox_lab.machines.guesthouse import Guesthouse
from proxmox_lab.release import Release
from proxmox_lab.schema.table import Table
from proxmox_lab.schema.verify import Value
from proxmox_lab.site.broadcast import Broadcast
from proxmox_lab.site.rights import Caller, Rights
from proxmox_lab.site.site import Site
from proxmox_lab.site.store import Store
from proxmox_lab.tasks.locks import Locks
from proxmox_lab.tasks.task import Task
from proxmox_lab.tasks.tasks import Tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """Everything a method may need, put together once."""

    release: Release
    table: Table
    site: Site
    store: Store
    clock: Clock
    tasks: Tasks
    locks: Locks
    broadcast: Broadcast
    rights: Rights
    doorkeeper: Doorkeeper
    guests: Guests
    guesthouse: Guesthouse
    executions: Executions
    history: History

    def on(self, node: str) -> "Lab":
        """Return the lab as a node sees it: its own machines and locks, all else shared."""
        return replace(self, site=self.site.on(node), locks=self.locks.on(node))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A method called by somebody with verified parameters."""

    lab: Lab
    caller: Caller
    parameters: Mapping[str, Value]
    uploaded: int = 0  # bytes of a file that came with the call

    @property
    def vmid(self) -> int:
        return int(self.text("vmid"))

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter as text."""
        value = self.parameters.get(name, default)
        return value if isinstance(value, str) else ",".join(value)

    def number(self, name: str, default: int) -> int:
        """Return an integer parameter."""
        return int(self.text(name, str(default)))

    def switch(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean parameter."""
        return self.text(name, "1" if default else "0") == "1"

    def items(self, name: str) -> list[str]:
        """Return an array parameter."""
        value = self.parameters.get(name, [])
        return [value] if isinstance(value, str) else value

    def start(self, kind: str, work: "Work", *, id: str | None = None) -> str:
        """Start a task of this machine in the caller's name."""
        vmid = self.text("vmid")
        machine = int(self.text("newid", vmid or "0")) or None
        chosen = vmid if id is None else id
        return self.lab.tasks.start(
            kind, chosen, self.caller.id, work, machine=machine, node=self.lab.site.node
        )


Work = Callable[[Task], Awaitable[None]]
Handler = Callable[[Call], Awaitable[Any]]
