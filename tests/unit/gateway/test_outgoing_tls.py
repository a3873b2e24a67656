"""Webhooks by TLS: with the name of the URL, whichever address was checked and connected to."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from common.security.addresses import Allowance
from gateway.adapters.outgoing import Limits
from gateway.ports.sender import NotSent, Reason
from proxmox_lab.tls import make_certificates
from tests.unit.gateway.receiver import (
    BODY,
    FINE,
    RecordedNetwork,
    ScriptedNames,
    receiving,
    sending,
)


class Certificates:
    """A CA, and a certificate of it for one host."""

    def __init__(self, folder: Path, host: str) -> None:
        make_certificates(folder, host=host)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self.names: list[str | None] = []
        self.server.sni_callback = lambda _, name, __: self.names.append(name)
        self.trust = ssl.create_default_context(cafile=str(folder / "ca.pem"))


async def test_tls_is_spoken_with_the_name_at_the_address_that_was_checked(tmp_path: Path):
    certificates = Certificates(tmp_path, "hooks.example")
    async with receiving(FINE, tls=certificates.server) as receiver:
        network = RecordedNetwork(leads={"1.1.1.1": receiver.port})
        names = ScriptedNames(hooks_example=[["1.1.1.1"]])
        async with sending(
            allowance=Allowance(), network=network, names=names, trust=certificates.trust
        ) as sender:
            found = await sender.post("https://hooks.example/x", headers={}, body=BODY)

    assert found.status == 204
    assert network.asked == [("1.1.1.1", 443)]
    assert certificates.names == ["hooks.example"]
    assert "Host: hooks.example\r\n" in receiver.requests[0][0]


@pytest.mark.parametrize(("host", "known"), [("other.example", True), ("hooks.example", False)])
async def test_a_certificate_of_another_name_or_of_nobody_known_is_not_accepted(
    tmp_path: Path, host: str, known: bool
):
    certificates = Certificates(tmp_path, host)
    async with (
        receiving(FINE, tls=certificates.server) as receiver,
        sending(
            names=ScriptedNames(hooks_example=[["127.0.0.1"]]),
            trust=certificates.trust if known else None,
        ) as sender,
    ):
        with pytest.raises(NotSent, match="certificate") as caught:
            await sender.post(f"https://hooks.example:{receiver.port}/", headers={}, body=BODY)

    assert caught.value.reason is Reason.TLS
    assert receiver.requests == []


async def test_a_host_that_wants_a_certificate_of_ours_is_a_failure(tmp_path: Path):
    certificates = Certificates(tmp_path, "127.0.0.1")
    certificates.server.load_verify_locations(tmp_path / "ca.pem")
    certificates.server.verify_mode = ssl.CERT_REQUIRED
    async with (
        receiving(FINE, tls=certificates.server) as receiver,
        sending(trust=certificates.trust) as sender,
    ):
        with pytest.raises(NotSent) as caught:
            await sender.post(f"https://127.0.0.1:{receiver.port}/", headers={}, body=BODY)

    assert caught.value.reason in {Reason.TLS, Reason.CONNECTION}
    assert receiver.requests == []


@asynccontextmanager
async def listening(greeting: bytes) -> AsyncGenerator[tuple[int, asyncio.Event]]:
    """Answer anything with a greeting, or with nothing; the event: whoever came has gone."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        with suppress(OSError):
            while await reader.read(1024):
                pass
        writer.transport.abort()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], gone
    finally:
        server.close()


async def test_https_where_nobody_speaks_tls_is_a_failure_of_tls():
    async with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, gone), sending() as sender:
        with pytest.raises(NotSent) as caught:
            await sender.post(f"https://127.0.0.1:{port}/", headers={}, body=BODY)
        await asyncio.wait_for(gone.wait(), 30)

    assert caught.value.reason is Reason.TLS


@pytest.mark.parametrize("limits", [Limits(connect=0.2), Limits(connect=60, head=0.2)])
async def test_tls_that_never_begins_is_a_timeout_and_leaves_no_connection(limits: Limits):
    async with listening(b"") as (port, gone), sending(limits=limits) as sender:
        with pytest.raises(NotSent) as caught:
            await sender.post(f"https://127.0.0.1:{port}/", headers={}, body=BODY)
        await asyncio.wait_for(gone.wait(), 30)

    assert caught.value.reason is Reason.TIMEOUT
