"""Webhook endpoints in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from gateway.domain.endpoint import Endpoint
from gateway.ports.records import Page


@dataclass
class FakeEndpoints:
    rows: dict[str, Endpoint] = field(default_factory=dict[str, Endpoint])

    async def add(self, endpoint: Endpoint) -> None:
        assert endpoint.id not in self.rows
        self.rows[endpoint.id] = endpoint

    async def find(self, id: str) -> Endpoint | None:
        return self.rows.get(id)

    async def hold(self, id: str) -> Endpoint | None:
        return self.rows.get(id)

    async def among(self, ids: Sequence[str]) -> Sequence[Endpoint]:
        return [self.rows[name] for name in ids if name in self.rows]

    async def hold_free(self, ids: Sequence[str]) -> Sequence[Endpoint]:
        return await self.among(sorted(ids))

    async def save(self, endpoint: Endpoint) -> None:
        if endpoint.id in self.rows:
            self.rows[endpoint.id] = endpoint

    async def remove(self, id: str) -> None:
        self.rows.pop(id, None)

    async def of_owner(self, owner_id: str | None, *, page: Page) -> Sequence[Endpoint]:
        found = [
            endpoint
            for endpoint in self.rows.values()
            if endpoint.owner_id == owner_id and (page.after is None or endpoint.id < page.after)
        ]
        return sorted(found, key=lambda one: one.id, reverse=True)[: page.limit]

    async def enabled(
        self, *, owners: Collection[str], ids: Collection[str] = ()
    ) -> Sequence[Endpoint]:
        found = [
            endpoint
            for endpoint in self.rows.values()
            if endpoint.enabled and (endpoint.owner_id in (None, *owners) or endpoint.id in ids)
        ]
        return sorted(found, key=lambda one: one.id)

    async def count(self, owner_id: str | None) -> int:
        return sum(endpoint.owner_id == owner_id for endpoint in self.rows.values())
