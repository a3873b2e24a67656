"""The lab's port: TLS is let in, plain HTTP is sent on, and nobody there is waited for."""

import asyncio

import pytest

from proxmox_lab.http.door import LONGEST
from tests.contract.lab.conftest import Opened
from tests.contract.lab.persons import House

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def knock(house: House, words: bytes) -> Line:
    port = int(house.base.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(words)
    await writer.drain()
    return reader, writer


async def test_who_speaks_plainly_is_told_where_tls_is_spoken(house: House) -> None:
    plain = house.base.replace("https", "http", 1)

    async with house.client.get(f"{plain}/api2/json/version?x=1", allow_redirects=False) as answer:
        told = (answer.status, answer.reason, answer.headers["Location"], await answer.text())

    moved = "Moved Permanently"
    assert told == (301, moved, f"{house.base}/api2/json/version?x=1", moved)


async def test_who_follows_is_answered(house: House) -> None:
    plain = house.base.replace("https", "http", 1)

    async with house.client.get(f"{plain}/api2/json/access/domains", ssl=False) as answer:
        assert (answer.status, answer.url.scheme) == (200, "https")


@pytest.mark.parametrize("words", [b"", b"\x16", b"hello\r\n\r\n", b"x" * LONGEST])
async def test_nobody_waits_for_somebody_who_says_nothing_of_use(
    house: House, words: bytes
) -> None:
    _, writer = await knock(house, words)

    assert (await house.root.ask("GET", "/version"))[0] == 200
    writer.close()
    assert (await house.root.ask("GET", "/version"))[0] == 200


async def test_words_that_are_no_request_are_answered_by_silence(house: House) -> None:
    reader, writer = await knock(house, b"hello\r\n\r\n")

    assert await reader.read() == b""
    writer.close()


async def test_a_lab_ends_while_somebody_stands_at_its_door(open_lab: Opened) -> None:
    async with open_lab() as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.plan.port)
        await asyncio.sleep(0)

    writer.close()
    assert reader is not None
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", site.plan.port)


async def test_many_come_at_once(house: House) -> None:
    answers = await asyncio.gather(*(house.root.ask("GET", "/version") for _ in range(100)))

    assert {status for status, _, _ in answers} == {200}
