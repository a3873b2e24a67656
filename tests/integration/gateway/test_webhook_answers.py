"""Whatever a receiver answers, or does instead: what a real gateway makes of it."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxmox_lab.tls import make_certificates
from tests.inbox import WEBHOOKS, hang, inbox, subscribe
from tests.integration.gateway.process import Gateway, logged_in, until
from tests.unit.gateway.receiver import FINE, Script, answer, receiving

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

GIB = 1024**3


@pytest.fixture
def more_settings() -> Mapping[str, str]:
    return WEBHOOKS


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def another_protocol(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()


async def dripping_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)


async def dripping_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


FAILURES: Mapping[str, bytes | Script] = {
    "/500": answer("500 Internal Server Error"),
    "/429": answer("429 Too Many Requests", "Retry-After: 3"),
    "/301": answer("301 Moved Permanently", "Location: /elsewhere"),
    "/307": answer("307 Temporary Redirect", "Location: /elsewhere"),
    "/reset": reset,
    "/smtp": another_protocol,
    "/silent": hang,  # 15 s
    "/dripping-head": dripping_head,
}


async def test_f60_what_is_no_success_is_tried_again_and_no_redirect_is_followed(
    gateway: Gateway,
) -> None:
    async with inbox() as box, logged_in(gateway) as client:
        box.says = lambda post: FAILURES[post.path] if post.attempt == 1 else FINE
        webhooks = {path: await subscribe(client, box.url(path)) for path in FAILURES}

        for path in FAILURES:
            await until(lambda path=path: box.has(2, path))
        for webhook in webhooks.values():
            await until(lambda webhook=webhook: is_settled(client, webhook, "succeeded"))

    for path, webhook in webhooks.items():
        first, second = box.at(path)
        assert (first.id, first.body, second.attempt) == (second.id, second.body, 2)
        box.assert_signed(webhook["secret"], path)
    assert box.at("/elsewhere") == []
    gaps = {path: box.at(path)[1].at - box.at(path)[0].at for path in FAILURES}
    assert gaps["/429"] >= 3
    assert min(gaps["/silent"], gaps["/dripping-head"]) >= 15


async def is_settled(client: httpx.AsyncClient, webhook: dict[str, Any], state: str) -> bool:
    found = (await client.get(f"{webhook['path']}/deliveries")).json()["items"]
    return [each["state"] for each in found] == [state]


async def test_f60_a_success_counts_however_long_its_body_is_and_410_ends_everything(
    gateway: Gateway,
) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
        while sent < GIB:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    says: Mapping[str, bytes | Script] = {
        "/flood": flood,
        "/dripping-body": dripping_body,  # 20 s
        "/410": answer("410 Gone"),
    }
    async with inbox() as box, logged_in(gateway) as client:
        box.says = lambda post: says[post.path]
        alone = {"types": ["server.*"]}  # not what becomes of the third
        flooding = await subscribe(client, box.url("/flood"), **alone)
        dripping = await subscribe(client, box.url("/dripping-body"), **alone)
        gone = await subscribe(client, box.url("/410"))
        for webhook, state in ((gone, "failed"), (flooding, "succeeded"), (dripping, "succeeded")):
            await until(lambda w=webhook, s=state: is_settled(client, w, s))
        shown = (await client.get(gone["path"])).json()
        again = await client.post(f"{gone['path']}/ping")
        attempts = (await client.get(f"{flooding['path']}/attempts")).json()["items"]

    assert {path: len(box.at(path)) for path in says} == dict.fromkeys(says, 1)
    assert sent < GIB / 16
    assert [len(each["answer"]) for each in attempts] == [1024]
    assert (shown["enabled"], bool(shown["disabled_reason"])) == (False, True)
    assert again.status_code == 409, again.text


async def test_f60_without_tls_that_proves_the_host_nothing_is_sent(
    gateway: Gateway, tmp_path: Path
) -> None:
    make_certificates(tmp_path / "tls", host="127.0.0.1")
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(tmp_path / "tls/cert.pem", tmp_path / "tls/key.pem")
    heard: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(10_000))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with (
        await asyncio.start_server(plain, "127.0.0.1", 0) as server,
        receiving(FINE, tls=own) as unknown,
        logged_in(gateway) as client,
    ):
        errors = [
            await first_error(client, f"https://127.0.0.1:{port}/hook")
            for port in (server.sockets[0].getsockname()[1], unknown.port)
        ]

    assert "TLS" in errors[0]
    assert "certificate" in errors[1]
    assert heard
    assert not any(b"POST" in each for each in heard)
    assert unknown.requests == []


async def first_error(client: httpx.AsyncClient, url: str) -> str:
    webhook = await subscribe(client, url)
    found: list[dict[str, Any]] = []

    async def is_tried() -> bool:
        found[:] = (await client.get(f"{webhook['path']}/attempts")).json()["items"]
        return bool(found)

    await until(is_tried)
    return found[-1]["error"]
