"""Where webhook endpoints are remembered."""

from collections.abc import Collection, Sequence
from typing import Protocol

from gateway.domain.endpoint import Endpoint
from gateway.ports.records import Page


class Endpoints(Protocol):
    """Webhook endpoints, for as long as one transaction lasts. Owner none: everybody's."""

    async def add(self, endpoint: Endpoint) -> None:
        """Add a new one."""
        ...

    async def find(self, id: str) -> Endpoint | None:
        """Read one."""
        ...

    async def hold(self, id: str) -> Endpoint | None:
        """Read one and keep others from changing it until the transaction ends."""
        ...

    async def among(self, ids: Sequence[str]) -> Sequence[Endpoint]:
        """Read those that are there."""
        ...

    async def hold_free(self, ids: Sequence[str]) -> Sequence[Endpoint]:
        """Hold those that nobody else holds, and wait for no other; by id."""
        ...

    async def save(self, endpoint: Endpoint) -> None:
        """Write back one that is held."""
        ...

    async def remove(self, id: str) -> None:
        """Forget one; it may be gone already."""
        ...

    async def of_owner(self, owner_id: str | None, *, page: Page) -> Sequence[Endpoint]:
        """Return an owner's, newest first."""
        ...

    async def enabled(
        self, *, owners: Collection[str], ids: Collection[str] = ()
    ) -> Sequence[Endpoint]:
        """Return those of owners and everybody's that events are sent to, and of ``ids``; by id."""
        ...

    async def count(self, owner_id: str | None) -> int:
        """Count an owner's; who counts them too waits until the transaction ends."""
        ...
