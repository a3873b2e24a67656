"""What the handlers need of the outside, in their own words."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common.contracts.base import Message
from common.contracts.servers import Endpoint, Plan, Port
from vm_service.domain.machine import Machine
from vm_service.domain.ownership import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A VM as it is to be made."""

    vmid: int
    node: str
    name: str
    description: str
    plan: Plan
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """How a task of the hypervisor is doing. ``failed`` holds its error text, judged by nobody."""

    running: bool
    failed: str | None = None
    progress: float | None = None
    warnings: tuple[str, ...] = ()


class Hypervisor(Protocol):
    """Proxmox, one call a verb. Whatever goes wrong is a ``Trouble``.

    Verbs that start a task return its UPID; none when nothing had to be done.
    """

    async def choose_node(self) -> str:
        """Return the node on which new VMs are made."""
        ...

    async def look(self, node: str, vmid: int) -> Sighting | None:
        """See what is there, on whichever node; none only if the id is free in the cluster."""
        ...

    async def clone(self, order: Order) -> str: ...

    async def find_clone(self, node: str, vmid: int, *, since: datetime) -> str | None:
        """Return the UPID of our own clone task into this id that did not fail, if any."""
        ...

    async def task(self, upid: str, *, with_progress: bool = False) -> TaskState: ...

    async def abort(self, upid: str) -> None:
        """Stop a task, and wait until it has ended."""
        ...

    async def configure(self, order: Order) -> str | None: ...

    async def grow(self, order: Order, sighting: Sighting) -> str | None:
        """Bring the disk to the size of the plan, never below the size it has."""
        ...

    async def start(self, node: str, vmid: int) -> str: ...
    async def stop(self, node: str, vmid: int) -> str: ...

    async def destroy(self, node: str, vmid: int) -> str:
        """Remove a stopped VM with all its disks."""
        ...

    async def guest_addresses(self, node: str, vmid: int) -> Sequence[str]:
        """Return what the guest claims to be its addresses; it may claim anything."""
        ...

    async def guest_host_key(self, node: str, vmid: int) -> str:
        """Return the text of the guest's SSH host key file; it may hold anything."""
        ...


class Reach(Protocol):
    """Knows from where a guest is reached."""

    async def endpoint(self, *, vmid: int, address: str, ports: Sequence[Port]) -> Endpoint: ...


class Machines(Protocol):
    """Machines, for as long as one transaction lasts."""

    async def find(self, server_id: str) -> Machine | None: ...
    async def get(self, server_id: str) -> Machine: ...
    async def add(self, machine: Machine) -> None: ...
    async def save(self, machine: Machine) -> None: ...

    async def reserve(self, machine: Machine) -> Machine:
        """Return the machine with a VM id and an address that no living one has."""
        ...

    async def burn(self, vmid: int, *, reason: str) -> None:
        """Never give out this VM id again: it is somebody else's."""
        ...


class Inbox(Protocol):
    """What was heard already."""

    async def claim(self, message_id: str) -> bool: ...


class Outbox(Protocol):
    """What is still to be said."""

    async def add(self, *messages: Message) -> None: ...


class Work(Protocol):
    """What is within reach inside one transaction."""

    @property
    def machines(self) -> Machines: ...
    @property
    def inbox(self) -> Inbox: ...
    @property
    def outbox(self) -> Outbox: ...


class UnitOfWork(Protocol):
    """Opens one transaction per ``async with``; commits it unless the block raises."""

    def __call__(self) -> AbstractAsyncContextManager[Work]: ...
