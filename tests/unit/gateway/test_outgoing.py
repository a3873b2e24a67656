"""What the way out does with answers of all kinds, and with none."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from gateway.adapters.outgoing import Limits, open_sender
from gateway.domain import custom_headers
from gateway.ports.sender import NotSent, Reason
from tests.unit.gateway.receiver import (
    BODY,
    FINE,
    LOOPBACK,
    QUICK,
    RecordedNetwork,
    ScriptedNames,
    answer,
    receiving,
    sending,
)


async def test_an_answer_tells_its_status_its_hint_and_its_beginning():
    slow_down = answer("429 Too Many Requests", "Retry-After: 120", body=b"later")
    async with receiving(slow_down) as receiver, sending() as sender:
        found = await sender.post(f"{receiver.url}?a=b", headers={"webhook-id": "evt_1"}, body=BODY)

    assert (found.status, found.retry_after, found.body) == (429, "120", b"later")
    assert found.took >= 0
    head, body = receiver.requests[0]
    assert head.startswith("POST /hook?a=b HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{receiver.port}\r\n" in head
    assert "webhook-id: evt_1\r\n" in head
    assert "Accept-Encoding: identity\r\n" in head
    assert body == BODY


@pytest.mark.parametrize("status", ["200 OK", "301 Moved", "410 Gone", "500 Oops"])
async def test_f60_every_status_is_an_answer(status: str):
    async with receiving(answer(status)) as receiver, sending() as sender:
        found = await sender.post(receiver.url, headers={}, body=BODY)

    assert found.status == int(status.split(maxsplit=1)[0])
    assert found.retry_after is None


async def test_what_open_sender_gives_sends():
    async with receiving(FINE) as receiver, open_sender(LOOPBACK) as sender:
        assert (await sender.post(receiver.url, headers={}, body=BODY)).status == 204


async def test_a_connection_is_used_again_and_nothing_is_remembered_with_it():
    with_cookie = answer("200 OK", "Set-Cookie: a=b; Path=/", body=b"x")
    async with receiving(with_cookie) as receiver, sending() as sender:
        for _ in range(3):
            await sender.post(receiver.url, headers={}, body=BODY)

    assert (receiver.connections, len(receiver.requests)) == (1, 3)
    assert not any("cookie" in head.lower() for head, _ in receiver.requests)


async def test_a_kept_connection_that_was_let_go_of_is_no_failed_attempt():
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with receiving(FINE, hang_up, FINE) as receiver, sending() as sender:
        for _ in range(2):
            assert (await sender.post(receiver.url, headers={}, body=BODY)).status == 204

    assert (receiver.connections, len(receiver.requests)) == (2, 3)


async def test_f60_an_attempt_arrives_twice_at_most_however_many_kept_connections_end():
    arrived, kept, is_cutting = list[bytes](), 5, asyncio.Event()
    hands = list[asyncio.Task[object] | None]()

    async def answer_or_cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hands.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError):
            while True:
                arrived.append(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(len(BODY))
                while len(arrived) < kept:
                    await asyncio.sleep(0.01)
                if is_cutting.is_set():
                    break
                writer.write(FINE)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer_or_cut, "127.0.0.1", 0)
    async with server, sending() as sender:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await asyncio.gather(*(sender.post(url, headers={}, body=BODY) for _ in range(kept)))
        is_cutting.set()
        with pytest.raises(NotSent):
            await sender.post(url, headers={}, body=BODY)

    await asyncio.gather(*(hand for hand in hands if hand))
    assert len(arrived) == kept + 2


async def test_what_we_say_of_connection_and_body_is_not_said_by_anybody_else():
    given = {"Host": "x", "content-length": "1", "Transfer-Encoding": "chunked", "X-Mine": "1"}
    async with receiving(FINE) as receiver, sending() as sender:
        await sender.post(receiver.url, headers={**given, "user-agent": "me"}, body=BODY)

    head = receiver.requests[0][0].lower()
    assert head.count("host:") == head.count("content-length:") == head.count("user-agent:") == 1
    assert f"host: 127.0.0.1:{receiver.port}" in head
    assert "transfer-encoding" not in head
    assert "x-mine: 1" in head


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "X-Api-Key"])
async def test_a_header_that_an_owner_may_add_arrives(name: str):
    assert custom_headers.faults({name: "a=b"}) == ()
    async with receiving(FINE) as receiver, sending() as sender:
        await sender.post(receiver.url, headers={name: "a=b"}, body=BODY)

    assert f"{name}: a=b\r\n" in receiver.requests[0][0]


async def test_a_header_that_would_be_two_is_never_sent():
    async with receiving(FINE) as receiver, sending() as sender:
        with pytest.raises(NotSent, match="headers"):
            await sender.post(receiver.url, headers={"x": "1\r\ny: 2"}, body=BODY)

    assert receiver.requests == []


async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def dripping_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def another_protocol(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("script", "reason", "limits"),
    [
        (quiet, Reason.TIMEOUT, QUICK),
        (dripping_head, Reason.TIMEOUT, QUICK),
        (reset, Reason.CONNECTION, None),
        (another_protocol, Reason.CONNECTION, None),
    ],
)
async def test_f60_no_answer_has_a_reason(script, reason: Reason, limits: Limits | None):
    async with receiving(script) as receiver, sending(limits=limits) as sender:
        with pytest.raises(NotSent) as caught:
            await sender.post(f"{receiver.url}/T0PSECRET", headers={}, body=BODY)

    assert caught.value.reason is reason
    assert caught.value.detail
    assert "T0PSECRET" not in str(caught.value)


async def test_nobody_there_is_a_connection_that_failed(ports):
    async with sending() as sender:
        with pytest.raises(NotSent) as caught:
            await sender.post(f"http://127.0.0.1:{ports()}/", headers={}, body=BODY)

    assert caught.value.reason is Reason.CONNECTION


async def test_a_name_that_does_not_resolve_is_a_connection_that_failed():
    async with sending() as sender:
        with pytest.raises(NotSent, match="does not resolve") as caught:
            await sender.post("https://gone.example/", headers={}, body=BODY)

    assert caught.value.reason is Reason.CONNECTION


class HangingNames(ScriptedNames):
    async def resolve(self, host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return ()


async def test_a_name_server_that_hangs_is_not_waited_for():
    async with sending(limits=QUICK, names=HangingNames()) as sender:
        with pytest.raises(NotSent) as caught:
            await sender.post("https://slow.example/", headers={}, body=BODY)

    assert caught.value.reason is Reason.TIMEOUT


async def test_an_address_that_does_not_answer_leaves_a_chance_to_the_next():
    names = ScriptedNames(two_lan=[["127.0.0.9", "127.0.0.1"]])
    network = RecordedNetwork(silent=frozenset({"127.0.0.9"}))
    async with receiving(FINE) as receiver, sending(names=names, network=network) as sender:
        found = await sender.post(f"http://two.lan:{receiver.port}/", headers={}, body=BODY)

    assert found.status == 204
    assert [host for host, _ in network.asked] == ["127.0.0.9", "127.0.0.1"]
