"""``yard webhooks listen``: believes what verifies, refuses what does not, and cleans up."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from pydantic import JsonValue
from standardwebhooks import Webhook
from typer.testing import CliRunner

from common.contracts.base import now
from common.security.addresses import Allowance
from gateway.domain.signing import Scheme, SigningKey, signed_headers
from tests.unit.cli.desk import Desk
from yard_cli.client.receiver import Receiver, receiver
from yard_cli.client.signatures import NotGenuine, Verifier
from yard_cli.client.webhooks import KeyedWebhook
from yard_cli.commands import webhook_listening as listening
from yard_cli.failure import Failure
from yard_cli.main import command_line

EVENT: Final = {
    "id": "evt_1", "type": "server.ready", "subject": "srv_1", "time": "2026-01-01T12:00:00Z",
    "sequence": "1", "data": {"server": {"name": "arena"}, "connect": "10.0.0.9:30000"},
}  # fmt: skip
BODY: Final = json.dumps(EVENT).encode()
KEYS: Final = {scheme: SigningKey(scheme, b"k" * 32) for scheme in Scheme}
PUBLIC_OF: Final = KEYS[Scheme.ED25519].shown


def signed(
    scheme: Scheme = Scheme.HMAC, *, body: bytes = BODY, age: float = 0, fill: bytes = b"k"
) -> dict[str, str]:
    key = SigningKey(scheme, fill * 32)
    return signed_headers(body, id="evt_1", at=now() - timedelta(seconds=age), keys=[key])


class TestVerifier:
    @pytest.mark.parametrize("scheme", Scheme)
    def test_what_the_gateway_signs_is_genuine_while_keys_are_exchanged_too(self, scheme: Scheme):
        both = Verifier([SigningKey(scheme, b"n" * 32).shown, KEYS[scheme].shown])

        both.verify(BODY, signed(scheme))

    def test_what_the_specifications_own_package_signs_is_genuine(self):
        secret = KEYS[Scheme.HMAC].shown
        at = now()
        headers = {
            "webhook-id": "evt_1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign("evt_1", at, BODY.decode()),
        }

        Verifier([secret]).verify(BODY, headers)

    @pytest.mark.parametrize("scheme", Scheme)
    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"webhook-id": ""}, "no webhook-id"),
            ({"webhook-id": "evt_2"}, "by no secret"),
            ({"webhook-timestamp": "soon"}, "no time"),
            ({"webhook-timestamp": "1"}, "too many"),
            ({"webhook-timestamp": "9" * 12}, "too many"),
            ({"webhook-signature": ""}, "no webhook-signature"),
            ({"webhook-signature": "v1,"}, "by no secret"),
            ({"webhook-signature": "v1a,AAAA"}, "by no secret"),
            ({"webhook-signature": "v1"}, "by no secret"),
            ({"webhook-signature": "v1,%%% v1a,%%%"}, "by no secret"),
            ({"webhook-signature": "v1,\u00e4"}, "by no secret"),
        ],
    )
    def test_what_was_altered_is_not(self, scheme: Scheme, change: Mapping[str, str], why: str):
        with pytest.raises(NotGenuine, match=why):
            Verifier([KEYS[scheme].shown]).verify(BODY, {**signed(scheme), **change})

    @pytest.mark.parametrize("scheme", Scheme)
    @pytest.mark.parametrize(("body", "headers"), [
        (b"{}", {}), (b"\xff", {}), (BODY, {"age": 400}), (BODY, {"fill": b"x"}),
    ])  # fmt: skip
    def test_another_body_an_old_one_and_another_key_are_not(
        self, scheme: Scheme, body: bytes, headers: Mapping[str, Any]
    ):
        with pytest.raises(NotGenuine):
            Verifier([KEYS[scheme].shown]).verify(body, signed(scheme, **headers))

    @pytest.mark.parametrize("text", ["", "canary", "whsec_", "whsec_%", "whpk_AAAA"])
    def test_what_is_no_secret_is_refused_and_not_repeated(self, text: str):
        with pytest.raises(Failure) as failure:
            Verifier([text] if text else [])

        assert "canary" not in failure.value.reason
        assert failure.value.remedy


@contextmanager
def listener(tmp_path: Path, *words: str) -> Generator[tuple[str, "subprocess.Popen[str]"]]:
    """A ``yard webhooks listen`` of its own process, and its address."""
    file = tmp_path / "secret"
    file.write_text(f"{KEYS[Scheme.HMAC].shown}\n{PUBLIC_OF}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "yard_cli", "webhooks", "listen", "--port", "0",
         "--secret-file", str(file), *words],
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr
        told = process.stderr.readline()
        yield told.split()[2], process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream
            stream.close()


def test_it_prints_what_verifies_refuses_the_rest_and_ends_with_ctrl_c(tmp_path: Path):
    with listener(tmp_path) as (url, process):
        good = httpx.post(url, content=BODY, headers=signed())
        public = httpx.post(
            url, content=BODY, headers={**signed(Scheme.ED25519), "webhook-attempt": "3"}
        )
        bad = httpx.post(url, content=b"{}", headers=signed())
        bare = httpx.post(url, content=BODY)
        got = httpx.get(url)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    assert url.startswith("http://127.0.0.1:")
    assert [good.status_code, public.status_code] == [204, 204]
    assert [bad.status_code, bare.status_code] == [401, 401]
    assert "by no secret known here" in bad.text
    assert got.status_code == 501
    first, second = out.splitlines()
    assert first.split()[1:] == ["server.ready", "arena", "10.0.0.9:30000"]
    assert second.endswith("(attempt 3)")
    assert "refused (401): its signature is by no secret known here" in err
    assert "refused (401): it has no webhook-id" in err
    assert process.returncode == 130


def test_as_json_it_prints_events_and_nothing_else(tmp_path: Path):
    with listener(tmp_path, "--json") as (url, process):
        httpx.post(url, content=BODY, headers=signed())
        httpx.post(url, content=BODY)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)

    [event] = [json.loads(line) for line in out.splitlines()]
    assert (event["type"], event["data"]) == ("server.ready", EVENT["data"])


class TestReceiver:
    @pytest.mark.parametrize(
        ("header", "status"),
        [("content-length: 99999999", 413), ("content-length: -1", 411), ("x-none: 1", 411)],
    )
    async def test_a_body_of_no_good_length_is_refused_unread(self, header: str, status: int):
        async with receiver("127.0.0.1", 0) as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            writer.write(f"POST / HTTP/1.1\r\nhost: x\r\n{header}\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()

        assert answer.split()[1] == str(status).encode()

    async def test_a_port_that_is_taken_is_named(self):
        async with receiver("127.0.0.1", 0) as here:
            with pytest.raises(Failure, match=str(here.port)):
                async with receiver("127.0.0.1", here.port):
                    pass


LOOPBACK: Final = Allowance(cidrs=(IPv4Network("127.0.0.0/8"),))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path, url="http://127.0.0.1:8080", allowance=LOOPBACK)
    monkeypatch.setattr("yard_cli.commands.webhook_listening.api", desk.api)
    return desk


def registered(here: Receiver, at: str) -> AbstractAsyncContextManager[KeyedWebhook]:
    wish: dict[str, JsonValue] = {"url": at, "types": ["server.*"]}
    return listening._registered(here, wish, url=None, data=None)


class TestRegistering:
    async def test_a_webhook_is_there_for_as_long_as_somebody_listens(self, desk: Desk):
        async with receiver("127.0.0.1", 0) as here, httpx.AsyncClient() as client:
            at = f"http://127.0.0.1:{here.port}/"
            async with registered(here, at) as made:
                meanwhile = desk.endpoint
                key = SigningKey.of(made.secret or "")
                headers = signed_headers(BODY, id="evt_1", at=now(), keys=[key])
                answer = await client.post(at, content=BODY, headers=headers)
                async with aclosing(here.arrivals()) as arrivals:
                    arrived = await anext(arrivals)

        assert (meanwhile.url, meanwhile.types, meanwhile.enabled) == (at, ("server.*",), True)
        assert (answer.status_code, arrived.body, arrived.refused) == (204, BODY, None)
        assert not desk.work.endpoints.rows

    async def test_what_comes_before_the_secret_is_known_waits_for_it(self, desk: Desk):
        async with receiver("127.0.0.1", 0) as here, httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{here.port}/"
            early = asyncio.create_task(client.post(url, content=BODY, headers=signed()))
            await asyncio.sleep(0.1)
            here.trust(Verifier([KEYS[Scheme.HMAC].shown]))

            assert (await early).status_code == 204

    async def test_it_is_removed_when_listening_is_cut_short(self, desk: Desk):
        listens = asyncio.Event()

        async def listen() -> None:
            async with (
                receiver("127.0.0.1", 0) as here,
                registered(here, f"http://127.0.0.1:{here.port}/"),
            ):
                listens.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(listen())
        await listens.wait()
        assert desk.work.endpoints.rows
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert not desk.work.endpoints.rows

    async def test_one_that_cannot_be_removed_is_named(
        self, desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ):
        async def away(*_: object) -> None:
            raise httpx.ConnectError("gone")

        async with (
            receiver("127.0.0.1", 0) as here,
            registered(here, f"http://127.0.0.1:{here.port}/"),
        ):
            monkeypatch.setattr("yard_cli.client.webhooks.Webhooks.remove", away)

        assert "yard webhooks remove yard-listen-" in capsys.readouterr().err

    async def test_what_a_killed_listener_left_behind_is_removed(self, desk: Desk):
        async with receiver("127.0.0.1", 0) as here:
            at = f"http://127.0.0.1:{here.port}/"
            async with registered(here, at):
                desk.work.endpoints.rows["whk_kept"] = replace(
                    desk.endpoint, id="whk_kept", name="another"
                )
                async with registered(here, at) as made:
                    assert set(desk.work.endpoints.rows) == {"whk_kept", made.id}

        assert set(desk.work.endpoints.rows) == {"whk_kept"}

    async def test_a_gateway_that_refuses_is_opened_by_one_setting(self, desk: Desk):
        desk.allowance = Allowance()
        async with receiver("127.0.0.1", 0) as here:
            with pytest.raises(Failure) as failure:
                async with registered(here, f"http://127.0.0.1:{here.port}/"):
                    pass

        assert "SPAWNYARD_WEBHOOK_ALLOW_CIDRS=127.0.0.0/8" in (failure.value.remedy or "")
        assert failure.value.details[0].startswith("/url: ")

    async def test_a_gateway_elsewhere_is_not_sent_to_its_own_machine(self, desk: Desk):
        desk.url = "https://yard.example"
        async with receiver("127.0.0.1", 0) as here:
            with pytest.raises(Failure) as failure:
                async with registered(here, f"http://127.0.0.1:{here.port}/"):
                    pass

        assert "--reached-at" in (failure.value.remedy or "")
        assert not desk.work.endpoints.rows


@pytest.mark.parametrize(
    "words", [(), ("--register", "--secret-file", "x"), ("--secret-file", "/nowhere/at/all")]
)
def test_it_takes_one_secret_to_verify_by(words: tuple[str, ...]):
    shown = CliRunner().invoke(command_line(), ["webhooks", "listen", "--port", "0", *words])

    assert isinstance(shown.exception, Failure)
    assert shown.exception.remedy
