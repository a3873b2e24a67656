"""How much of an answer is read: its beginning, as it came, for as long as is waited."""

import asyncio
import gzip

from gateway.adapters.outgoing import Limits
from tests.unit.gateway.receiver import (
    BODY,
    answer,
    receiving,
    sending,
)


async def test_nothing_is_decoded():
    bomb = gzip.compress(b"\0" * 1_000_000)
    packed = answer("200 OK", "Content-Encoding: gzip", body=bomb)
    async with receiving(packed) as receiver, sending() as sender:
        assert (await sender.post(receiver.url, headers={}, body=BODY)).body == bomb


async def test_f60_of_a_body_without_an_end_the_beginning_is_read_and_the_connection_dropped():
    cut = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except OSError:
            cut.set()

    async with receiving(flood) as receiver, sending() as sender:
        found = await sender.post(receiver.url, headers={}, body=BODY)
        await asyncio.wait_for(cut.wait(), 30)

    assert (found.status, len(found.body)) == (200, 65_536)


async def test_f60_a_body_that_drips_is_not_waited_for_and_its_status_counts():
    limits = Limits(total=0.8)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with receiving(drip) as receiver, sending(limits=limits) as sender:
        found = await sender.post(receiver.url, headers={}, body=BODY)

    assert found.status == 200
    assert len(found.body) < 100_000
    assert found.took >= limits.total


async def test_a_body_that_is_cut_off_does_not_change_the_status():
    async def stop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()

    async with receiving(stop) as receiver, sending() as sender:
        found = await sender.post(receiver.url, headers={}, body=BODY)

    assert found.status == 200
    assert b"half".startswith(found.body)
