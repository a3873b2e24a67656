"""What every message on the bus is, whatever it is about."""

from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, Field

from common.contracts.ids import new_id


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


class Message(BaseModel, frozen=True, extra="ignore"):
    """Something that can be put into an outbox. Two messages with one ``id`` are one message."""

    id: str

    @property
    def subject(self) -> str:
        """Name the NATS subject it is published on."""
        raise NotImplementedError


class Event(Message, frozen=True):
    """A fact about one server, stated in the course of one operation."""

    type: str
    id: str = Field(default_factory=lambda: new_id("event"))
    time: AwareDatetime = Field(default_factory=now)
    server_id: str
    operation_id: str

    @property
    def subject(self) -> str:
        """Where it is published, general to specific: ``evt.vm.ready.v1.<server id>``."""
        return f"evt.{self.type}.{self.server_id}"
