"""The gateway's API, call by call."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import httpx
from pydantic import JsonValue

from yard_cli.client.answers import check, read
from yard_cli.client.credentials import Account, Credentials
from yard_cli.client.http import http_client
from yard_cli.client.hypervisor import Diagnosis, HypervisorSettings, StoredSettings
from yard_cli.client.models import Game, LogTicket, Operation, Orphans, Server, Template
from yard_cli.client.session import Session
from yard_cli.client.wire import Wire, once
from yard_cli.failure import Failure

PATIENT: Final = 120.0  # seconds for what looks at a whole cluster
HYPERVISOR: Final = "/v1/settings/hypervisor"


class Gateway:
    """Speaks to one gateway. Tokens are renewed, and kept, without being asked."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def set_up(self, *, setup_token: str, username: str, password: str) -> bool:
        """Make the first user; false if there is one already."""
        body = {"setup_token": setup_token, "username": username, "password": password}
        response = await self.wire.http.post("/v1/setup", json=body)
        if response.status_code in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
            return False
        check(response)
        return True

    async def log_in(self, *, username: str, password: str) -> None:
        """Begin a session and keep it."""
        await self.wire.session.begin(Account(username=username, password=password))

    async def games(self) -> list[Game]:
        """List the catalogue."""
        return await self.wire.pages(Game, "/v1/games")

    async def game(self, id: str) -> Game:
        """Return a game with the schema of its settings."""
        return read(Game, await self.wire.call("GET", f"/v1/games/{id}"))

    async def deploy(self, wanted: Mapping[str, JsonValue], *, key: str) -> Operation:
        """Ask for a server. The same key asks once, however often it is sent."""
        answer = await self.wire.call("POST", "/v1/deployments", body=wanted, headers=once(key))
        return read(Operation, answer)

    async def servers(self, *, labels: Sequence[str] = ()) -> list[Server]:
        """List the servers; ``labels``: KEY=VALUE, all of which must hold."""
        return await self.wire.pages(Server, "/v1/servers", query={"label": list(labels)})

    async def server(self, id: str) -> Server:
        """Return one server."""
        return read(Server, await self.wire.call("GET", f"/v1/servers/{id}"))

    async def change(
        self, server_id: str, verb: str, *, key: str, body: Mapping[str, JsonValue] | None = None
    ) -> Operation:
        """Ask for a server to be started, stopped, restarted or killed."""
        answer = await self.wire.call(
            "POST", f"/v1/servers/{server_id}/{verb}", body=body, headers=once(key)
        )
        return read(Operation, answer)

    async def alter(
        self, server_id: str, wanted: Mapping[str, JsonValue], *, key: str
    ) -> Operation:
        """Ask for a server to have another name, plan or other settings."""
        answer = await self.wire.call(
            "PATCH", f"/v1/servers/{server_id}", body=wanted, headers=once(key)
        )
        return read(Operation, answer)

    async def label(self, server_id: str, labels: Mapping[str, str]) -> Server:
        """Give a server these labels, in the place of those it had."""
        answer = await self.wire.call("PUT", f"/v1/servers/{server_id}/labels", body=labels)
        return read(Server, answer)

    async def delete(self, server_id: str) -> Operation:
        """Ask for a server to be removed."""
        return read(Operation, await self.wire.call("DELETE", f"/v1/servers/{server_id}"))

    async def operations(self) -> list[Operation]:
        """List the operations, newest first."""
        return await self.wire.pages(Operation, "/v1/operations", pages=1)

    async def operation(self, id: str) -> Operation:
        """Return one operation."""
        return read(Operation, await self.wire.call("GET", f"/v1/operations/{id}"))

    async def cancel(self, operation_id: str) -> Operation:
        """Ask for an operation to be given up."""
        return read(
            Operation, await self.wire.call("POST", f"/v1/operations/{operation_id}/cancel")
        )

    async def orphans(self) -> Orphans:
        """Return what the last sweep for orphans saw."""
        return read(Orphans, await self.wire.call("GET", "/v1/orphans"))

    async def sweep(self, *, dry_run: bool, cap: int | None = None) -> Orphans:
        """Have a sweep for orphans done; ``cap``: remove as many at most."""
        self.wire.http.timeout = PATIENT
        wish: dict[str, JsonValue] = {"dry_run": dry_run, "cap": cap}
        return read(Orphans, await self.wire.call("POST", "/v1/orphans/sweep", body=wish))

    async def bake(self, game: str, *, key: str) -> Operation:
        """Ask for a template that carries the game's packages."""
        answer = await self.wire.call(
            "POST", "/v1/templates", body={"game": game}, headers=once(key)
        )
        return read(Operation, answer)

    async def templates(self) -> list[Template]:
        """List the templates that were baked, newest first."""
        return await self.wire.pages(Template, "/v1/templates", pages=1)

    async def delete_template(self, id: str) -> Operation:
        """Ask for a template to be removed."""
        return read(Operation, await self.wire.call("DELETE", f"/v1/templates/{id}"))

    async def log_ticket(self, operation_id: str) -> LogTicket:
        """Get leave to read an operation's log."""
        answer = await self.wire.call("POST", f"/v1/operations/{operation_id}/log-tickets")
        return read(LogTicket, answer)

    async def hypervisor(self) -> HypervisorSettings:
        """Return the hypervisor's settings in force."""
        return read(HypervisorSettings, await self.wire.call("GET", HYPERVISOR))

    async def set_hypervisor(
        self, wanted: Mapping[str, JsonValue], *, force: bool
    ) -> StoredSettings:
        """Have settings tested and stored."""
        self.wire.http.timeout = PATIENT
        query = {"force": "true"} if force else {}
        answer = await self.wire.call("PUT", HYPERVISOR, query=query, body=wanted)
        return read(StoredSettings, answer)

    async def test_hypervisor(self, wanted: Mapping[str, JsonValue] | None) -> Diagnosis:
        """Have settings tested; without any, those in force."""
        self.wire.http.timeout = PATIENT
        return read(Diagnosis, await self.wire.call("POST", f"{HYPERVISOR}/test", body=wanted))

    async def examine_hypervisor(self) -> Diagnosis:
        """Have the doctor look at the hypervisor."""
        self.wire.http.timeout = PATIENT
        return read(Diagnosis, await self.wire.call("GET", f"{HYPERVISOR}/doctor"))


@asynccontextmanager
async def gateway(
    url: str, *, credentials: Credentials, account: Account | None = None
) -> AsyncGenerator[Gateway]:
    """Open a client of the gateway at ``url``; an unreachable one ends in a failure."""
    async with http_client(url, base_url=url) as http:
        try:
            session = Session(http, url=url, credentials=credentials, account=account)
            yield Gateway(Wire(http, session=session))
        except httpx.TransportError as error:
            raise Failure(
                f"the gateway at {url} does not answer ({type(error).__name__})",
                "start one with: ./yard up   (or name another: --url, SPAWNYARD_URL)",
            ) from error
