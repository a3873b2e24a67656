"""Log lines: as they travel in batches, and as viewers see them."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from common.contracts.base import Message, now
from common.contracts.ids import new_id

Level = Literal["debug", "info", "warning", "error"]


class LogLine(BaseModel, frozen=True, extra="ignore"):
    """One line. ``key`` is unique per writer: the same key twice is the same line once."""

    key: str = Field(max_length=120)
    time: AwareDatetime = Field(default_factory=now)
    level: Level = "info"
    step: str | None = None
    text: str = Field(max_length=16_384)


class LogBatch(Message, frozen=True):
    """Lines of one writer for one stream (an operation's id). ``final`` ends the stream."""

    id: str = Field(default_factory=lambda: new_id("batch"))
    stream_id: str
    server_id: str
    writer: str = Field(max_length=120)
    lines: tuple[LogLine, ...]
    final: bool = False

    @property
    def subject(self) -> str:
        """Where it is published: ``log.<stream id>``."""
        return f"log.{self.stream_id}"


class StoredLine(BaseModel, frozen=True):
    """A line of the record; ``sequence`` is dense per stream and begins with 1."""

    sequence: int
    time: AwareDatetime
    level: Level
    writer: str
    step: str | None
    text: str


def decode(data: bytes) -> LogBatch:
    """Read a batch off the wire. Raises ``pydantic.ValidationError``."""
    return LogBatch.model_validate_json(data)
