"""The example of docs/examples/firewall: told by a real gateway, with a program in nft's place."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from common.contracts.base import Message
from common.contracts.events import AnyEvent, DeploymentRequested, ServerReady
from common.contracts.servers import PublishedPort
from tests.conftest import free_port
from tests.inbox import WEBHOOKS, deploy_several, subscribe
from tests.integration.gateway.process import (
    USER,
    Gateway,
    logged_in,
    reaches,
    services,
    until,
    willing,
)
from tests.servers import NatsServer, end

EXAMPLE = Path(__file__).parents[3] / "docs/examples/firewall/firewall.py"
NFT = """#!{python}
import pathlib, sys
folder = pathlib.Path(__file__).parent
script = sys.stdin.read()
if (folder / "broken").exists():
    sys.exit("Error: Could not process rule")
with (folder / "told").open("a") as told:
    told.write(" ".join(sys.argv[1:]) + "\\n" + script + "\\n")
"""
FLUSH = "flush set inet spawnyard open\n"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def more_settings() -> Mapping[str, str]:
    return WEBHOOKS


@dataclass
class Example:
    """The example as a process, before the gateway that it is told by."""

    gateway: Gateway
    folder: Path
    secret: str = ""
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        nft = self.folder / "nft"
        nft.write_text(NFT.format(python=sys.executable))
        nft.chmod(0o755)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def told(self) -> list[str]:
        """Return what nft was told, one script after another."""
        path = self.folder / "told"
        runs = path.read_text().split("-f -\n") if path.exists() else []
        return [run.removesuffix("\n") for run in runs[1:]]

    async def is_told(self, last: str) -> bool:
        return self.told()[-1:] == [last]

    @asynccontextmanager
    async def runs(self, *options: str) -> AsyncGenerator[None]:
        environment = {
            **os.environ,
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "YARD_URL": self.gateway.url,
            "YARD_USER": USER["username"],
            "YARD_PASSWORD": USER["password"],
            "WEBHOOK_SECRET": self.secret,
        }
        times = len(self.told())
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, EXAMPLE, "--port", str(self.port), *options]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            await until(lambda: self._began(times, process, dry=bool(options)))
            yield
        finally:
            await asyncio.to_thread(end, process)

    async def _began(self, times: int, process: subprocess.Popen[bytes], *, dry: bool) -> bool:
        assert process.poll() is None, (self.folder / "log").read_text()
        return len(self.told()) > times or (dry and FLUSH in (self.folder / "log").read_text())


@pytest.fixture
def example(gateway: Gateway, tmp_path: Path) -> Example:
    folder = tmp_path / "example"
    folder.mkdir()
    return Example(gateway, folder)


def playable(event: AnyEvent) -> list[Message]:
    about: Any = {"server_id": event.server_id, "operation_id": event.operation_id}
    if not isinstance(event, DeploymentRequested):
        return willing(event)
    ports = (
        PublishedPort(name="game", protocol="udp", guest_port=8303, public_port=8303),
        PublishedPort(name="query", protocol="tcp", guest_port=8304, public_port=8304),
    )
    return [ServerReady(host="127.0.0.9", ports=ports, connect="127.0.0.9:8303", **about)]


OPEN = (
    f"{FLUSH}add element inet spawnyard open {{ 127.0.0.9 . tcp . 8304, 127.0.0.9 . udp . 8303 }}\n"
)


async def test_it_is_open_while_the_server_runs_and_whatever_happened_while_it_was_away(
    gateway: Gateway, nats_server: NatsServer, example: Example
) -> None:
    async with logged_in(gateway) as client, services(nats_server, playable):
        example.secret = (await subscribe(client, example.url))["secret"]
        async with example.runs():
            await until(lambda: example.is_told(FLUSH))
            [deployed] = await deploy_several(client, 1)
            await until(lambda: example.is_told(OPEN))
        async with example.runs():
            begun = example.told()[-1]
            await client.delete(deployed["links"]["server"])
            await until(lambda: example.is_told(FLUSH))
        await reaches(client, deployed["links"]["server"], phase="deleted")
        async with example.runs():
            gone = example.told()[-1]

    assert (begun, gone) == (OPEN, FLUSH)


async def test_dry_it_tells_nft_nothing(
    gateway: Gateway, nats_server: NatsServer, example: Example
) -> None:
    async with logged_in(gateway) as client, services(nats_server, playable):
        example.secret = (await subscribe(client, example.url))["secret"]
        [deployed] = await deploy_several(client, 1)
        await reaches(client, deployed["links"]["self"], state="succeeded")
        async with example.runs("--dry-run"):
            printed = (example.folder / "log").read_text()

    assert printed.startswith(OPEN)
    assert example.told() == []


async def test_repeats_and_disorder_change_nothing_and_what_cannot_be_done_is_asked_for_again(
    gateway: Gateway, nats_server: NatsServer, example: Example
) -> None:
    example.secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    async with logged_in(gateway) as client, services(nats_server, playable):
        [deployed] = await deploy_several(client, 1)
        await reaches(client, deployed["links"]["self"], state="succeeded")
        server = deployed["server_id"]
        async with example.runs(), httpx.AsyncClient() as world:
            answers = [
                await world.post(example.url, **request(example.secret, server, kind, sequence))
                for kind, sequence in (
                    ("server.ready", 8), ("server.ready", 8), ("server.stopped", 3),
                    ("operation.succeeded", 9), ("server.players_changed", 10),
                )
            ]  # fmt: skip
            told = example.told()
            forged = await world.post(
                example.url, **request("whsec_" + "A" * 32, server, "server.stopped", 11)
            )
            late = await world.post(  # it says stopped; the gateway knows better
                example.url, **request(example.secret, server, "server.stopped", 12)
            )
            known = example.told()

            (example.folder / "broken").touch()
            failed = await world.post(
                example.url, **request(example.secret, server, "server.ready", 13)
            )
            (example.folder / "broken").unlink()
            again = await world.post(
                example.url, **request(example.secret, server, "server.ready", 13)
            )
            gateway.stop()
            alone = [
                await world.post(example.url, **request(example.secret, server, kind, sequence))
                for kind, sequence in (("server.ready", 14), ("server.stopping", 15))
            ]

    assert [answer.status_code for answer in answers] == [204] * 5
    assert told == [OPEN, OPEN]  # at its start, and told once
    assert (forged.status_code, late.status_code, known) == (401, 204, [OPEN] * 3)
    assert (failed.status_code, again.status_code) == (503, 204)
    assert [answer.status_code for answer in alone] == [503, 503]
    assert example.told() == [OPEN, OPEN, OPEN, OPEN, FLUSH]  # to be shut, nobody need be asked


def request(secret: str, server_id: str, type: str, sequence: int) -> dict[str, Any]:
    """Return a signed request, as the gateway makes them."""
    at = datetime.now(UTC)
    body = json.dumps({"type": type, "subject": server_id, "sequence": f"{sequence:020}"})
    headers = {
        "webhook-id": f"evt_{sequence}",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(f"evt_{sequence}", at, body),
    }
    return {"content": body, "headers": headers}
