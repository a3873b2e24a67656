"""The games' own protocols: the question a client asks before it joins."""

import asyncio
import os
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, cast

from mcstatus import BedrockServer, JavaServer
from pydantic import JsonValue

from provisioner.adapters.browsing import open_port, satisfactory_query, steam_query
from provisioner.domain.errors import NotYet, StepFailed

PATIENCE: Final = 2.0  # seconds for one answer
LUANTI_REPLY: Final = 14  # bytes up to and with the peer id

# Who answers may answer anything; what the readers of these protocols then raise is no promise.
STUMBLES: Final = (
    *(ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    struct.error,
)

Answer = dict[str, JsonValue]


class GameQueries:
    """Asks by protocol name; which game speaks which protocol, its manifest tells."""

    async def ask(self, protocol: str, host: str, port: int) -> Answer:
        """Return what the game says of itself. Raises ``NotYet``."""
        question = QUESTIONS.get(protocol)
        if question is None:
            raise StepFailed(f"nobody here speaks the protocol {protocol!r}")
        try:
            async with asyncio.timeout(PATIENCE * 2):
                return await question(host, port)
        except STUMBLES as error:
            raise NotYet(f"no answer ({type(error).__name__})") from None


@dataclass(slots=True)
class _Datagrams(asyncio.DatagramProtocol):
    """One UDP conversation."""

    received: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue[bytes])
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: until Python 3.12 asyncio's own class does not admit to being one.
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002  asyncio's
        self.received.put_nowait(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's
        self.closed.set()

    def say(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.sendto(data)

    async def exchange(self, data: bytes) -> bytes:
        self.say(data)
        async with asyncio.timeout(PATIENCE):
            return await self.received.get()


@asynccontextmanager
async def _talk(host: str, port: int) -> AsyncGenerator[_Datagrams]:
    loop = asyncio.get_running_loop()
    transport, talk = await loop.create_datagram_endpoint(_Datagrams, remote_addr=(host, port))
    try:
        yield talk
    finally:
        transport.close()
        await talk.closed.wait()


async def _luanti(host: str, port: int) -> Answer:
    """Ask for a peer id, as a client does first, and take leave."""
    protocol = b"\x4f\x45\x74\x03"
    async with _talk(host, port) as talk:
        reply = await talk.exchange(protocol + b"\0\0\0\1")
        if reply[:4] != protocol or len(reply) < LUANTI_REPLY:
            raise ValueError(reply[:16].hex())
        peer = reply[12:14]
        talk.say(protocol + peer + b"\0\0\3")
    return {"peer_id": int.from_bytes(peer, "big")}


async def _teeworlds(host: str, port: int) -> Answer:
    """Get a token, then ask for the server's information (protocol 0.7)."""
    mine, question = os.urandom(4), b"\x07"
    async with _talk(host, port) as talk:
        # Padded: a server answers nothing that is shorter than its answer.
        reply = await talk.exchange(b"\4\0\0" + b"\xff" * 4 + b"\5" + mine + b"\0" * 512)
        if reply[3:8] != mine + b"\5":
            raise ValueError(reply[:16].hex())
        browse = b"\x21" + reply[8:12] + mine + b"\xff" * 4
        reply = await talk.exchange(browse + b"gie3" + question)
    if reply[9:17] != b"\xff" * 4 + b"inf3":
        raise ValueError(reply[:20].hex())
    return _TeeworldsReader(reply[17:]).information()


@dataclass(slots=True)
class _TeeworldsReader:
    data: bytes
    place: int = 0

    def information(self) -> Answer:
        self._number()  # our question's number
        version, name, _, world, kind = (self._text() for _ in range(5))
        _, _, players, most = (self._number() for _ in range(4))
        return {
            "version": version,
            "name": name,
            "map": world,
            "gametype": kind,
            "players": players,
            "max_players": most,
        }

    def _text(self) -> str:
        end = self.data.index(b"\0", self.place)
        text = self.data[self.place : end].decode(errors="replace")
        self.place = end + 1
        return text

    def _number(self) -> int:
        """Read an integer of variable length: sign and six bits, then seven bits a byte."""
        byte = self._byte()
        negative, value, shift = byte & 0x40, byte & 0x3F, 6
        while byte & 0x80:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            shift += 7
        return ~value if negative else value

    def _byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]


async def _minecraft_status(host: str, port: int) -> Answer:
    status = await JavaServer(host, port, timeout=PATIENCE).async_status(tries=1)
    return {
        "version": status.version.name,
        "protocol": status.version.protocol,
        "players": status.players.online,
        "max_players": status.players.max,
        "motd": status.motd.to_plain(),
    }


async def _bedrock_status(host: str, port: int) -> Answer:
    status = await BedrockServer(host, port, timeout=PATIENCE).async_status(tries=1)
    return {
        "version": status.version.name,
        "protocol": status.version.protocol,
        "players": status.players.online,
        "max_players": status.players.max,
        "motd": status.motd.to_plain(),
    }


QUESTIONS: Final[Mapping[str, Callable[[str, int], Awaitable[Answer]]]] = {
    "luanti": _luanti,
    "teeworlds": _teeworlds,
    "minecraft-status": _minecraft_status,
    "bedrock-status": _bedrock_status,
    "a2s": steam_query,
    "satisfactory-query": satisfactory_query,
    "tcp": open_port,
}
