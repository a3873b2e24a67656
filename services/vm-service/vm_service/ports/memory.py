"""What the handlers need of the service's memory, one transaction at a time."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from common.contracts.base import Message
from vm_service.domain.machine import Machine
from vm_service.domain.orphans import Record
from vm_service.domain.promises import Load
from vm_service.domain.sweep import SweepState


class Machines(Protocol):
    """Machines, for as long as one transaction lasts."""

    async def find(self, server_id: str) -> Machine | None: ...
    async def get(self, server_id: str) -> Machine: ...
    async def add(self, machine: Machine) -> None: ...
    async def save(self, machine: Machine) -> None: ...

    async def reserve(self, machine: Machine, *, avoid: AbstractSet[str] = frozenset()) -> Machine:
        """Return the machine with a VM id and an address that no living one has.

        One that has a VM id keeps it, and gets another address, none of those to ``avoid``.
        """
        ...

    async def used(self, *, but: str) -> Mapping[str, Load]:
        """Tell what of ours is on each node, but for one server; nobody reserves meanwhile."""
        ...

    async def addresses(self, *, but: str) -> AbstractSet[str]:
        """Return the addresses of all living machines but that of one server."""
        ...

    async def templates(self, *, game: str, recipe: str) -> Sequence[Machine]:
        """Return our templates for this game that were baked by this recipe."""
        ...

    async def cloned_from(self, vmid: int) -> Sequence[str]:
        """Return the servers of all living machines whose disks rest on its, or are to."""
        ...

    async def burn(self, vmid: int, *, reason: str) -> None:
        """Never give out this VM id again: it is somebody else's."""
        ...


class Ledger(Protocol):
    """What the sweeper reads and keeps; each call is a transaction of its own."""

    async def records(self) -> Sequence[Record]:
        """Return every machine that has a VM id and is not gone."""
        ...

    async def about(self, vmid: int, *, server_id: str | None) -> Sequence[Record]:
        """Return every machine that has or had this VM id, and that of the server."""
        ...

    async def state(self) -> SweepState: ...
    async def keep(self, state: SweepState) -> None: ...


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
