"""The gateway's API, call by call."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import httpx
from pydantic import JsonValue

from yard_cli.client.answers import A, check, read, understood
from yard_cli.client.credentials import Account, Credentials
from yard_cli.client.http import http_client
from yard_cli.client.hypervisor import Diagnosis, HypervisorSettings, StoredSettings
from yard_cli.client.models import Answer, Game, LogTicket, Operation, Orphans, Server, Template
from yard_cli.client.session import Session
from yard_cli.failure import Failure

PATIENT: Final = 120.0  # seconds for what looks at a whole cluster
HYPERVISOR: Final = "/v1/settings/hypervisor"


class Page(Answer, frozen=True):
    """One page of a list."""

    items: tuple[dict[str, JsonValue], ...]
    next_cursor: str | None = None


class Gateway:
    """Speaks to one gateway. Tokens are renewed, and kept, without being asked."""

    def __init__(self, http: httpx.AsyncClient, *, session: Session) -> None:
        self._http = http
        self._session = session

    async def set_up(self, *, setup_token: str, username: str, password: str) -> bool:
        """Make the first user; false if there is one already."""
        body = {"setup_token": setup_token, "username": username, "password": password}
        response = await self._http.post("/v1/setup", json=body)
        if response.status_code in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
            return False
        check(response)
        return True

    async def log_in(self, *, username: str, password: str) -> None:
        """Begin a session and keep it."""
        await self._session.begin(Account(username=username, password=password))

    async def games(self) -> list[Game]:
        """List the catalogue."""
        return await self._list(Game, "/v1/games")

    async def game(self, id: str) -> Game:
        """Return a game with the schema of its settings."""
        return read(Game, await self._call("GET", f"/v1/games/{id}"))

    async def deploy(self, wanted: Mapping[str, JsonValue], *, key: str) -> Operation:
        """Ask for a server. The same key asks once, however often it is sent."""
        answer = await self._call("POST", "/v1/deployments", body=wanted, key=key)
        return read(Operation, answer)

    async def servers(self) -> list[Server]:
        """List the servers."""
        return await self._list(Server, "/v1/servers")

    async def server(self, id: str) -> Server:
        """Return one server."""
        return read(Server, await self._call("GET", f"/v1/servers/{id}"))

    async def change(
        self, server_id: str, verb: str, *, key: str, body: Mapping[str, JsonValue] | None = None
    ) -> Operation:
        """Ask for a server to be started, stopped, restarted or killed."""
        answer = await self._call("POST", f"/v1/servers/{server_id}/{verb}", body=body, key=key)
        return read(Operation, answer)

    async def alter(
        self, server_id: str, wanted: Mapping[str, JsonValue], *, key: str
    ) -> Operation:
        """Ask for a server to have another name, plan or other settings."""
        answer = await self._call("PATCH", f"/v1/servers/{server_id}", body=wanted, key=key)
        return read(Operation, answer)

    async def delete(self, server_id: str) -> Operation:
        """Ask for a server to be removed."""
        return read(Operation, await self._call("DELETE", f"/v1/servers/{server_id}"))

    async def operations(self) -> list[Operation]:
        """List the operations, newest first."""
        return await self._list(Operation, "/v1/operations", pages=1)

    async def operation(self, id: str) -> Operation:
        """Return one operation."""
        return read(Operation, await self._call("GET", f"/v1/operations/{id}"))

    async def cancel(self, operation_id: str) -> Operation:
        """Ask for an operation to be given up."""
        return read(Operation, await self._call("POST", f"/v1/operations/{operation_id}/cancel"))

    async def orphans(self) -> Orphans:
        """Return what the last sweep for orphans saw."""
        return read(Orphans, await self._call("GET", "/v1/orphans"))

    async def sweep(self, *, dry_run: bool, cap: int | None = None) -> Orphans:
        """Have a sweep for orphans done; ``cap``: remove as many at most."""
        self._http.timeout = PATIENT
        wish: dict[str, JsonValue] = {"dry_run": dry_run, "cap": cap}
        return read(Orphans, await self._call("POST", "/v1/orphans/sweep", body=wish))

    async def bake(self, game: str, *, key: str) -> Operation:
        """Ask for a template that carries the game's packages."""
        answer = await self._call("POST", "/v1/templates", body={"game": game}, key=key)
        return read(Operation, answer)

    async def templates(self) -> list[Template]:
        """List the templates that were baked, newest first."""
        return await self._list(Template, "/v1/templates", pages=1)

    async def delete_template(self, id: str) -> Operation:
        """Ask for a template to be removed."""
        return read(Operation, await self._call("DELETE", f"/v1/templates/{id}"))

    async def log_ticket(self, operation_id: str) -> LogTicket:
        """Get leave to read an operation's log."""
        answer = await self._call("POST", f"/v1/operations/{operation_id}/log-tickets")
        return read(LogTicket, answer)

    async def hypervisor(self) -> HypervisorSettings:
        """Return the hypervisor's settings in force."""
        return read(HypervisorSettings, await self._call("GET", HYPERVISOR))

    async def set_hypervisor(
        self, wanted: Mapping[str, JsonValue], *, force: bool
    ) -> StoredSettings:
        """Have settings tested and stored."""
        self._http.timeout = PATIENT
        query = {"force": "true"} if force else {}
        answer = await self._call("PUT", HYPERVISOR, query=query, body=wanted)
        return read(StoredSettings, answer)

    async def test_hypervisor(self, wanted: Mapping[str, JsonValue] | None) -> Diagnosis:
        """Have settings tested; without any, those in force."""
        self._http.timeout = PATIENT
        return read(Diagnosis, await self._call("POST", f"{HYPERVISOR}/test", body=wanted))

    async def examine_hypervisor(self) -> Diagnosis:
        """Have the doctor look at the hypervisor."""
        self._http.timeout = PATIENT
        return read(Diagnosis, await self._call("GET", f"{HYPERVISOR}/doctor"))

    async def _list(self, kind: type[A], path: str, *, pages: int = 50) -> list[A]:
        found: list[A] = []
        after: str | None = None
        for _ in range(pages):
            query = {"limit": "100", **({"after": after} if after else {})}
            page = read(Page, await self._call("GET", path, query=query))
            found += [understood(kind, item) for item in page.items]
            after = page.next_cursor
            if after is None:
                break
        return found

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, JsonValue] | None = None,
        key: str | None = None,
    ) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        token = await self._session.token()
        for last in (False, True):
            headers["Authorization"] = f"Bearer {token}"
            response = await self._http.request(
                method, path, headers=headers, params=query, json=body
            )
            if response.status_code != HTTPStatus.UNAUTHORIZED or last:
                break
            token = await self._session.token_instead_of(token)
        return check(response)


@asynccontextmanager
async def gateway(
    url: str, *, credentials: Credentials, account: Account | None = None
) -> AsyncGenerator[Gateway]:
    """Open a client of the gateway at ``url``; an unreachable one ends in a failure."""
    async with http_client(url, base_url=url) as http:
        try:
            session = Session(http, url=url, credentials=credentials, account=account)
            yield Gateway(http, session=session)
        except httpx.TransportError as error:
            raise Failure(
                f"the gateway at {url} does not answer ({type(error).__name__})",
                "start one with: ./yard up   (or name another: --url, SPAWNYARD_URL)",
            ) from error
