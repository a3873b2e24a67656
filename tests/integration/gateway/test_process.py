"""The gateway as a process of its own, over a real bus and both databases."""

import hashlib
import signal
from pathlib import Path

import pytest

from tests.integration.gateway.process import (
    Gateway,
    logged_in,
    reaches,
    services,
    until,
    unwilling,
    willing,
)
from tests.servers import NatsServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

CANARY = "canary-81b6-geheim"


async def test_a_server_comes_and_goes(gateway: Gateway, nats_server: NatsServer) -> None:
    async with logged_in(gateway) as client, services(nats_server, willing) as others:
        deployed = (await client.post("/v1/deployments", json={"game": "blocks"})).json()
        await reaches(client, deployed["links"]["self"], state="succeeded")
        server = await reaches(client, deployed["links"]["server"], phase="running")
        deleted = (await client.delete(deployed["links"]["server"])).json()
        await reaches(client, deleted["links"]["self"], state="succeeded")
        await reaches(client, deployed["links"]["server"], phase="deleted")

        assert server["connect"] == "127.0.0.9:8303"
        await until(lambda: _true(others.finals == 2))
        assert any(line.endswith("is deleted.") for line in others.lines)

    assert gateway.stop() == 0


async def _true(value: bool) -> bool:
    return value


async def test_a_failure_ends_with_the_vm_gone_and_a_remedy(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with logged_in(gateway) as client, services(nats_server, unwilling):
        deployed = (await client.post("/v1/deployments", json={"game": "blocks"})).json()
        failed = await reaches(client, deployed["links"]["self"], state="failed")

    assert failed["error"] | {"last_lines": []} == {
        "code": "vm_failed", "step": "clone", "detail": "no space", "remedy": "add space",
        "last_lines": [],
    }  # fmt: skip


async def test_killed_after_accepting_it_goes_on_where_it_was(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with logged_in(gateway) as client:
        key = {"Idempotency-Key": "once"}
        first = await client.post("/v1/deployments", json={"game": "blocks"}, headers=key)
        gateway.stop(signal.SIGKILL)
        await gateway.start()

        again = await client.post("/v1/deployments", json={"game": "blocks"}, headers=key)
        assert again.content == first.content  # also: the old token is good for the new process
        async with services(nats_server, willing):
            await reaches(client, first.json()["links"]["self"], state="succeeded")


async def test_a_bus_that_lost_everything_is_made_whole_and_loses_nothing(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with logged_in(gateway) as client:
        deployed = (await client.post("/v1/deployments", json={"game": "blocks"})).json()
        nats_server.lose_everything()
        nats_server.start()

        async with services(nats_server, willing):
            await reaches(client, deployed["links"]["self"], state="succeeded")


async def test_without_the_bus_requests_are_accepted_and_readiness_names_it(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with logged_in(gateway) as client:
        nats_server.kill()
        deployed = await client.post("/v1/deployments", json={"game": "blocks"})
        ready = await client.get("/readyz")
        nats_server.start()

        assert deployed.status_code == 202
        assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "ok")
        assert ready.json()["checks"]["messages"] != "ok"
        async with services(nats_server, willing):
            await reaches(client, deployed.json()["links"]["self"], state="succeeded")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_secret_is_nowhere_on_disk_and_asking_again_gives_the_same_answer(
    gateway: Gateway, nats_server: NatsServer, tmp_path: Path
) -> None:
    body = {"game": "blocks", "name": "open-word", "settings": {"password": CANARY}}
    key = {"Idempotency-Key": "once"}
    async with logged_in(gateway) as client:
        first = await client.post("/v1/deployments", json=body, headers=key)
        again = await client.post("/v1/deployments", json=body, headers=key)
        other = await client.post(
            "/v1/deployments", json=body | {"settings": {"password": "x"}}, headers=key
        )
        async with services(nats_server, willing):
            await reaches(client, first.json()["links"]["self"], state="succeeded")
        server = (await client.get(first.json()["links"]["server"])).json()
    gateway.stop()
    nats_server.kill()

    assert first.content == again.content
    assert (first.status_code, other.status_code) == (202, 422)
    assert server["settings"] == {"password": "[masked]"}
    holding = {path.name for path in tmp_path.rglob("*") if path.is_file() and _holds(path)}
    assert holding == set()
    databases = [path for path in tmp_path.glob("test-*") if b"open-word" in path.read_bytes()]
    stores = [path for path in tmp_path.rglob("*.blk") if b"open-word" in path.read_bytes()]
    assert databases, "what is not secret is found, so a secret would have been"
    assert stores, "what is not secret is found, so a secret would have been"


def _holds(path: Path) -> bool:
    data = path.read_bytes()
    return CANARY.encode() in data or hashlib.sha256(CANARY.encode()).hexdigest().encode() in data
