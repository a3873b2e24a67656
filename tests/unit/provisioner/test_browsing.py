"""Server browsers' questions, against servers that answer something else, or nothing."""

import asyncio
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from provisioner.adapters.query import GameQueries
from provisioner.domain.errors import NotYet

Answer = Callable[[bytes], bytes]


class Server(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(self.answer(data), addr)


@pytest.fixture
async def serve() -> AsyncGenerator[Callable[[Answer], Awaitable[int]]]:
    transports = []

    async def start(answer: Answer) -> int:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Server(answer), local_addr=("127.0.0.1", 0)
        )
        transports.append(transport)
        return transport.get_extra_info("sockname")[1]

    yield start
    for transport in transports:
        transport.close()
    await asyncio.sleep(0.01)


def status(data: bytes, *, name: bytes = b"Works", state: int = 3, sub_states: int = 2) -> bytes:
    head = struct.pack("<HBB8sBLQB", 0xF6D5, 1, 1, data[4:12], state, 365_306, 0, sub_states)
    return head + b"\0\1\0" * sub_states + struct.pack("<H", len(name)) + name + b"\1"


async def test_a_lightweight_query_tells_state_and_name(serve):
    port = await serve(status)

    answer = await GameQueries().ask("satisfactory-query", "127.0.0.1", port)

    assert answer == {"name": "Works", "state": "playing"}


@pytest.mark.parametrize(
    "answer",
    [
        lambda data: b"",
        lambda data: b"\xd5\xf6",
        lambda data: status(b"\0" * 12),
        lambda data: status(data, state=9),
        lambda data: status(data)[:26],
    ],
    ids=["nothing", "too short", "another's cookie", "a state nobody knows", "cut off"],
)
async def test_other_answers_to_a_lightweight_query_are_none(serve, answer):
    port = await serve(answer)

    with pytest.raises(NotYet):
        await GameQueries().ask("satisfactory-query", "127.0.0.1", port)


@pytest.mark.parametrize("answer", [b"nonsense", b"\xff\xff\xff\xffI", b"\xff\xff\xff\xffZ\0"])
async def test_other_answers_to_steam_s_query_are_none(serve, answer):
    port = await serve(lambda data: answer)

    with pytest.raises(NotYet):
        await GameQueries().ask("a2s", "127.0.0.1", port)


async def test_a_port_that_is_closed_is_not_open_yet():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    assert await GameQueries().ask("tcp", "127.0.0.1", port) == {"open": True}
    server.close()
    await server.wait_closed()
    with pytest.raises(NotYet):
        await GameQueries().ask("tcp", "127.0.0.1", port)
