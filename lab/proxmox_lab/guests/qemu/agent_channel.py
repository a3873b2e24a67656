"""The virtio channel to a guest's agent, line by line.

It has no connections of its own: answers to questions given up long ago may still arrive. So a
client first synchronises by a number that only its own answer carries.
"""

import asyncio
import json
import secrets
from typing import Final

from pydantic import BaseModel, ValidationError

from proxmox_lab.guests.port import GuestFailure

LONGEST_LINE: Final = 1 << 25
_SENTINEL: Final = b"\xff"


class Refusal(BaseModel, frozen=True):
    """Why the agent did not do it."""

    desc: str


class Reply(BaseModel, frozen=True, extra="ignore"):
    """One answer of the agent: a refusal or whatever was asked for."""

    error: Refusal | None = None
    result: object = None


class Channel:
    """A connected channel."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def synchronise(self) -> None:
        """Throw away what is not ours."""
        number = secrets.randbits(31)
        self._writer.write(_SENTINEL)
        self.tell("guest-sync-delimited", id=number)
        while (await self._receive()).result != number:
            continue

    async def ask(self, command: str, **arguments: object) -> object:
        """Return the agent's answer; raise ``GuestFailure`` with its error text."""
        self.tell(command, **arguments)
        reply = await self._receive()
        if reply.error is not None:
            raise GuestFailure(reply.error.desc)
        return reply.result

    def tell(self, command: str, **arguments: object) -> None:
        """Send a command that is answered by deeds."""
        message = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def flush(self) -> None:
        """Wait until all is sent."""
        await self._writer.drain()

    async def _receive(self) -> Reply:
        while True:
            line = (await self._reader.readuntil()).rpartition(_SENTINEL)[2]
            try:
                told = json.loads(line)
                return Reply.model_validate({"result": told.get("return"), **told})
            except (ValueError, AttributeError, ValidationError):
                continue  # the rest of an answer that was cut
