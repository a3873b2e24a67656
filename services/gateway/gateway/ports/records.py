"""Where operations, servers and accepted requests are remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.operation import Operation
from gateway.domain.server import Server
from gateway.domain.transitions import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a list: what comes after the item with id ``after``."""

    limit: int
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """A client's Idempotency-Key. ``scope`` is user and route; ``body_hash`` what was asked."""

    scope: str
    key: str
    body_hash: str


class Operations(Protocol):
    """Operations, for as long as one transaction lasts."""

    async def add(self, operation: Operation) -> None:
        """Add a new one."""
        ...

    async def find(self, id: str) -> Operation | None:
        """Read one."""
        ...

    async def hold(self, id: str) -> Operation | None:
        """Read one and keep others from changing it until the transaction ends."""
        ...

    async def save(self, operation: Operation) -> None:
        """Write back one that is held."""
        ...

    async def find_active(self, server_id: str) -> Operation | None:
        """Return the one operation of a server that has not ended."""
        ...

    async def hold_active(self, server_id: str) -> Operation | None:
        """Return the one that has not ended and keep others from changing it."""
        ...

    async def of_owner(
        self, owner_id: str, *, page: Page, state: State | None, server_id: str | None
    ) -> Sequence[Operation]:
        """Return an owner's operations, newest first."""
        ...

    async def unended(self, *, quiet_since: datetime, limit: int) -> Sequence[Operation]:
        """Return those that have not ended and were not heard of since, longest quiet first."""
        ...

    async def overdue(self, *, at: datetime, limit: int) -> Sequence[Operation]:
        """Return those that have not ended although their patience has."""
        ...


class Servers(Protocol):
    """Servers, for as long as one transaction lasts."""

    async def add(self, server: Server) -> None:
        """Add a new one."""
        ...

    async def find(self, id: str) -> Server | None:
        """Read one."""
        ...

    async def hold(self, id: str) -> Server | None:
        """Read one and keep others from changing it until the transaction ends."""
        ...

    async def save(self, server: Server) -> None:
        """Write back one that is held."""
        ...

    async def of_owner(
        self, owner_id: str, *, page: Page, labels: Mapping[str, str]
    ) -> Sequence[Server]:
        """Return an owner's servers with these labels: no templates, none deleted, newest first."""
        ...

    async def templates(self) -> Sequence[Server]:
        """Return everybody's templates that are not deleted, newest first."""
        ...


class RequestKeys(Protocol):
    """Which requests were accepted under which key."""

    async def claim(self, key: RequestKey, *, operation_id: str, at: datetime) -> bool:
        """Take the key for an operation; false when it is taken already."""
        ...

    async def find(self, key: RequestKey) -> tuple[str, str] | None:
        """Return the body hash and the operation a key was used for."""
        ...

    async def forget(self, *, before: datetime) -> None:
        """Drop keys older than this."""
        ...
