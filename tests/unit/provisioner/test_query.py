"""The games' own protocols, against servers that answer by the book and others."""

import asyncio
import json
from collections.abc import Callable

import pytest

from provisioner.adapters.query import GameQueries
from provisioner.domain.errors import NotYet, StepFailed


class Server(asyncio.DatagramProtocol):
    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self.answer, self.heard = answer, list[bytes]()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.heard.append(data)
        if reply := self.answer(data):
            self.transport.sendto(reply, addr)


@pytest.fixture
async def serve():
    transports = []

    async def start(answer: Callable[[bytes], bytes | None]) -> tuple[Server, int]:
        loop = asyncio.get_running_loop()
        transport, server = await loop.create_datagram_endpoint(
            lambda: Server(answer), local_addr=("127.0.0.1", 0)
        )
        transports.append(transport)
        return server, transport.get_extra_info("sockname")[1]

    yield start
    for transport in transports:
        transport.close()
    await asyncio.sleep(0.01)


MAGIC = b"\x4f\x45\x74\x03"


async def test_luanti_gives_a_peer_id_and_is_taken_leave_of(serve):
    # reliable, sequence 65500, control, set peer id 42
    server, port = await serve(
        lambda data: MAGIC + b"\0\1\0\3\xff\xdc\0\1\0\x2a" if data[-1] == 1 else None
    )

    answer = await GameQueries().ask("luanti", "127.0.0.1", port)
    await asyncio.sleep(0.05)

    assert answer == {"peer_id": 42}
    assert server.heard[-1] == MAGIC + b"\0\x2a\0\0\3"


async def test_teeworlds_is_asked_after_a_token(serve):
    info = b"\x07" + b"0.7.5\0Lab arena\0\0dm1\0DM\0" + bytes([0, 1, 2, 0x80 | 0x10, 1, 2, 16])

    def answer(data: bytes) -> bytes:
        if data[0] == 4:
            assert len(data) >= 512
            return b"\4\0\0" + data[8:12] + b"\5" + b"SRVT"
        assert data[1:5] == b"SRVT"
        return b"\x21" + data[5:9] + b"SRVT" + b"\xff" * 4 + b"inf3" + info

    _, port = await serve(answer)

    told = await GameQueries().ask("teeworlds", "127.0.0.1", port)

    assert (told["name"], told["map"], told["players"], told["max_players"]) == (
        "Lab arena",
        "dm1",
        2,
        80,
    )


@pytest.mark.parametrize("protocol", ["luanti", "teeworlds"])
@pytest.mark.parametrize("reply", [b"", b"\0", b"\xff" * 40])
async def test_nonsense_is_no_answer(
    serve, protocol: str, reply: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("provisioner.adapters.query.PATIENCE", 0.1)
    _, port = await serve(lambda _: reply or None)

    with pytest.raises(NotYet):
        await GameQueries().ask(protocol, "127.0.0.1", port)


async def test_a_pong_tells_how_many_play(serve):
    told = b"MCPE;Hello;819;1.21.100;3;10;42;world;Survival;1;19132;19133;"

    def pong(question: bytes) -> bytes:
        time, magic = question[1:9], question[9:25]
        return b"\x1c" + time + bytes(8) + magic + len(told).to_bytes(2, "big") + told

    _, port = await serve(pong)

    answer = await GameQueries().ask("bedrock-status", "127.0.0.1", port)

    assert (answer["players"], answer["max_players"]) == (3, 10)
    assert (answer["version"], answer["motd"]) == ("1.21.100", "Hello")


def sized(content: bytes) -> bytes:
    """Put the length before, seven bits a byte."""
    return bytes([len(content) & 0x7F | 0x80, len(content) >> 7]) + content


@pytest.fixture
async def java():
    """Serve a status document as a server of Minecraft's Java edition does."""
    servers = []

    async def start(status: object) -> int:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1024)
            writer.write(sized(b"\0" + sized(json.dumps(status).encode())))
            writer.close()

        servers.append(await asyncio.start_server(answer, "127.0.0.1", 0))
        return servers[-1].sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()


def status(**other: object) -> dict[str, object]:
    players = {"online": 3, "max": 8}
    return {"version": {"name": "x", "protocol": 5}, "players": players, "description": "", **other}


async def test_a_status_tells_how_many_play(java):
    answer = await GameQueries().ask("minecraft-status", "127.0.0.1", await java(status()))

    assert (answer["players"], answer["max_players"]) == (3, 8)


NONSENSE = [
    [],
    status(version="x"),
    status(description=[[]]),
    status(description={"text": 5, "extra": [3]}),
    status(players={"online": 3, "max": 8, "sample": [{}]}),
]


@pytest.mark.parametrize("told", NONSENSE)
async def test_a_status_that_is_none_is_no_answer(java, told: object):
    with pytest.raises(NotYet):
        await GameQueries().ask("minecraft-status", "127.0.0.1", await java(told))


SPOKEN = ["luanti", "teeworlds", "minecraft-status", "bedrock-status"]


@pytest.mark.parametrize("protocol", SPOKEN)
async def test_nobody_there_is_no_answer(protocol: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("provisioner.adapters.query.PATIENCE", 0.1)

    with pytest.raises(NotYet):
        await GameQueries().ask(protocol, "127.0.0.1", 1)


async def test_an_unknown_protocol_is_said_at_once():
    with pytest.raises(StepFailed):
        await GameQueries().ask("gopher", "127.0.0.1", 1)
