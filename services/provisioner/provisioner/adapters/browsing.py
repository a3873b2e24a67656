"""The questions of server browsers: Steam's, Satisfactory's, and whether a port is open at all."""

# opengsq ships neither stubs nor types of everything.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import asyncio
import os
import struct
from typing import Final

from opengsq.exceptions import InvalidPacketException
from opengsq.protocol_socket import UdpClient
from opengsq.protocols import Source
from pydantic import JsonValue

PATIENCE: Final = 2.0  # seconds for one answer
MAGIC: Final = 0xF6D5
POLL, STATE, VERSION = 0, 1, 1
REQUEST: Final = struct.Struct("<HBB8sB")
ANSWER: Final = struct.Struct("<HBB8sBLQB")  # up to and with the number of sub-states
SUB_STATE: Final = 3  # bytes
NAME_LENGTH: Final = struct.Struct("<H")
STATES: Final = ("offline", "idle", "loading", "playing")
END: Final = 1


async def steam_query(host: str, port: int) -> dict[str, JsonValue]:
    """Ask by Steam's A2S, whose challenge is repeated. Raises ``ValueError`` for other answers."""
    try:
        info = await Source(host, port, PATIENCE).get_info()
    except (InvalidPacketException, struct.error) as error:
        raise ValueError(str(error)[:200]) from error
    return {
        "name": info.name,
        "map": info.map,
        "version": str(getattr(info, "version", "")),
        "players": info.players,
        "max_players": info.max_players,
    }


async def satisfactory_query(host: str, port: int) -> dict[str, JsonValue]:
    """Ask by the lightweight query; it tells a state and a name, and nothing of players.

    A server that nobody has claimed yet is ``idle``: it is up, and waits for its owner.
    """
    cookie = os.urandom(8)
    with UdpClient() as client:
        client.settimeout(PATIENCE)
        await client.connect((host, port))
        client.send(REQUEST.pack(MAGIC, POLL, VERSION, cookie, END))
        reply = await client.recv()
    try:
        magic, kind, _, theirs, state, _, _, sub_states = ANSWER.unpack_from(reply)
        at = ANSWER.size + SUB_STATE * sub_states
        (length,) = NAME_LENGTH.unpack_from(reply, at)
    except struct.error as error:
        raise ValueError(reply[:20].hex()) from error
    if (magic, kind, theirs) != (MAGIC, STATE, cookie):
        raise ValueError(reply[:20].hex())
    name = reply[at + NAME_LENGTH.size :][:length].decode(errors="replace")
    return {"name": name, "state": STATES[state]}


async def open_port(host: str, port: int) -> dict[str, JsonValue]:
    """Connect by TCP and take leave: all that can be asked of a game without a query."""
    async with asyncio.timeout(PATIENCE):
        _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()
    return {"open": True}
