"""Webhooks: where events are sent to, what became of them, and sending them again."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from pydantic import AwareDatetime, Field, JsonValue

from yard_cli.client.answers import read
from yard_cli.client.models import Answer
from yard_cli.client.wire import Query, Wire, once

PATH: Final = "/v1/webhooks"
PATIENT: Final = 120.0  # seconds for what goes through thousands of events


class Key(Answer, frozen=True):
    """A key that signs; ``expires_at``: until when, the newest one for ever."""

    scheme: str
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None


class Webhook(Answer, frozen=True):
    """An endpoint that events are sent to. ``secret``: only where it was made just now."""

    id: str
    name: str
    url: str
    scope: str = "mine"
    format: str = "standard"
    options: dict[str, str] = Field(default_factory=dict)
    types: tuple[str, ...] = ()
    filter: dict[str, JsonValue] = Field(default_factory=dict)
    headers: str | None = None
    rate: float | None = None
    max_in_flight: int = 2
    in_order: bool = False
    enabled: bool = True
    disabled_reason: str | None = None
    failing_since: AwareDatetime | None = None
    signing_keys: tuple[Key, ...] = ()
    revision: int = 0
    created_at: AwareDatetime | None = None

    @property
    def state(self) -> str:
        """Tell in a word how it does."""
        if not self.enabled:
            return "disabled"
        return "failing" if self.failing_since else "enabled"


class KeyedWebhook(Webhook, frozen=True):
    """A webhook with the secret made just now: this is the one time that it is told."""

    secret: str | None = None


class Sent(Answer, frozen=True):
    """An event on its way to one webhook."""

    event_id: str
    type: str


class Delivery(Answer, frozen=True):
    """An event on its way to a webhook, or there."""

    event_id: str
    event_type: str
    position: int
    state: str
    attempts: int
    created_at: AwareDatetime
    next_at: AwareDatetime | None = None
    done_at: AwareDatetime | None = None


class Attempt(Answer, frozen=True):
    """One attempt at a delivery, and what came back."""

    event_id: str
    event_type: str | None = None
    number: int
    at: AwareDatetime
    duration: float
    status: int | None = None
    error: str | None = None
    answer: str = ""

    @property
    def succeeded(self) -> bool:
        """2xx and nothing else."""
        return self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)


class Deliveries(Answer, frozen=True):
    """A page of deliveries."""

    items: tuple[Delivery, ...]


class Attempts(Answer, frozen=True):
    """A page of attempts."""

    items: tuple[Attempt, ...]


class Replayed(Answer, frozen=True):
    """How many events go out again; unless ``complete``, go on after ``reached``."""

    count: int
    reached: int | None = None
    complete: bool = True


class Me(Answer, frozen=True):
    """Who is logged in."""

    role: str = "user"


class Webhooks:
    """The webhooks of one gateway."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def all(self, *, everybody: bool = False) -> list[Webhook]:
        """List your own, or those that hear of everybody's events, newest first."""
        scope = "everybody" if everybody else "mine"
        return await self._wire.pages(Webhook, PATH, query={"scope": scope})

    async def may_see_everybodys(self) -> bool:
        """Tell whether who is logged in is an administrator."""
        return read(Me, await self._wire.call("GET", "/v1/me")).role == "admin"

    async def create(self, wish: Mapping[str, JsonValue], *, key: str) -> KeyedWebhook:
        """Set one up. The same key asks once, however often it is sent."""
        answer = await self._wire.call("POST", PATH, body=wish, headers=once(key))
        return read(KeyedWebhook, answer)

    async def get(self, id: str) -> Webhook:
        """Return one."""
        return read(Webhook, await self._wire.call("GET", f"{PATH}/{id}"))

    async def change(self, webhook: Webhook, wish: Mapping[str, JsonValue]) -> Webhook:
        """Change one, unless somebody else has changed it since it was read."""
        revision = {"If-Match": f'"{webhook.revision}"'}
        answer = await self._wire.call("PATCH", f"{PATH}/{webhook.id}", body=wish, headers=revision)
        return read(Webhook, answer)

    async def remove(self, id: str) -> None:
        """Remove one: nothing is sent there any more."""
        await self._wire.call("DELETE", f"{PATH}/{id}")

    async def rotate(self, id: str, wish: Mapping[str, JsonValue]) -> KeyedWebhook:
        """Have it sign with a new secret."""
        answer = await self._wire.call("POST", f"{PATH}/{id}/secret/rotate", body=wish)
        return read(KeyedWebhook, answer)

    async def ping(self, id: str) -> Sent:
        """Have a ping sent."""
        return read(Sent, await self._wire.call("POST", f"{PATH}/{id}/ping"))

    async def example(self, id: str, type: str) -> Sent:
        """Have an example of an event sent."""
        answer = await self._wire.call("POST", f"{PATH}/{id}/example", body={"type": type})
        return read(Sent, answer)

    async def deliveries(self, id: str, query: Query) -> Deliveries:
        """Return the last deliveries, newest first."""
        return read(
            Deliveries, await self._wire.call("GET", f"{PATH}/{id}/deliveries", query=query)
        )

    async def attempts(self, id: str, query: Query) -> Attempts:
        """Return the last attempts, newest first."""
        return read(Attempts, await self._wire.call("GET", f"{PATH}/{id}/attempts", query=query))

    async def replay(self, id: str, wish: Mapping[str, JsonValue]) -> Replayed:
        """Have events sent again: one part of a long range."""
        self._wire.http.timeout = PATIENT
        return read(Replayed, await self._wire.call("POST", f"{PATH}/{id}/replay", body=wish))
