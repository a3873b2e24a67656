"""A transaction, and all that is within reach inside one."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from common.contracts.base import Message
from gateway.ports.accounts import LoginFailures, Sessions, Users
from gateway.ports.deliveries import Deliveries
from gateway.ports.endpoints import Endpoints
from gateway.ports.public_events import PublicEvents
from gateway.ports.records import Operations, RequestKeys, Servers


class Inbox(Protocol):
    """Which events were handled already."""

    async def claim(self, message_id: str) -> bool:
        """Return true for exactly one committed claim."""
        ...


class Outbox(Protocol):
    """What is to be said once the transaction has committed."""

    async def add(self, *messages: Message) -> None:
        """Put messages in, in order."""
        ...


class Work(Protocol):
    """All that is within reach inside one transaction."""

    @property
    def operations(self) -> Operations: ...
    @property
    def servers(self) -> Servers: ...
    @property
    def request_keys(self) -> RequestKeys: ...
    @property
    def users(self) -> Users: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def login_failures(self) -> LoginFailures: ...
    @property
    def inbox(self) -> Inbox: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def public_events(self) -> PublicEvents: ...
    @property
    def endpoints(self) -> Endpoints: ...
    @property
    def deliveries(self) -> Deliveries: ...


class UnitOfWork(Protocol):
    """Opens transactions: commits unless the block raises."""

    def __call__(self) -> AbstractAsyncContextManager[Work]:
        """Open one."""
        ...
