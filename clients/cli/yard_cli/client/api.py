"""The gateway's API, call by call; refusals become failures that say what helps."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TypeVar

import httpx
from pydantic import BaseModel, JsonValue, ValidationError

from yard_cli.client.credentials import Credentials, Login
from yard_cli.client.models import Answer, Game, LogTicket, Operation, Problem, Server, Tokens
from yard_cli.failure import Failure

A = TypeVar("A", bound=Answer)


class Page(BaseModel, frozen=True):
    """One page of a list."""

    items: tuple[dict[str, JsonValue], ...]
    next_cursor: str | None = None


class Gateway:
    """Speaks to one gateway. Tokens are renewed, and kept, without being asked."""

    def __init__(self, http: httpx.AsyncClient, *, url: str, credentials: Credentials) -> None:
        self._http = http
        self._url = url
        self._credentials = credentials

    async def set_up(self, *, setup_token: str, username: str, password: str) -> bool:
        """Make the first user; false if there is one already."""
        body = {"setup_token": setup_token, "username": username, "password": password}
        response = await self._http.post("/v1/setup", json=body)
        if response.status_code in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
            return False
        _check(response)
        return True

    async def log_in(self, *, username: str, password: str) -> None:
        """Begin a session and keep it."""
        body = {"username": username, "password": password}
        tokens = _read(Tokens, await self._http.post("/v1/auth/login", json=body))
        self._credentials.keep(self._url, Login.of(username, tokens))

    async def games(self) -> list[Game]:
        """List the catalogue."""
        return await self._list(Game, "/v1/games")

    async def game(self, id: str) -> Game:
        """Return a game with the schema of its settings."""
        return _read(Game, await self._call("GET", f"/v1/games/{id}"))

    async def deploy(self, wanted: Mapping[str, JsonValue], *, key: str) -> Operation:
        """Ask for a server. The same key asks once, however often it is sent."""
        answer = await self._call("POST", "/v1/deployments", body=wanted, key=key)
        return _read(Operation, answer)

    async def servers(self) -> list[Server]:
        """List the servers."""
        return await self._list(Server, "/v1/servers")

    async def server(self, id: str) -> Server:
        """Return one server."""
        return _read(Server, await self._call("GET", f"/v1/servers/{id}"))

    async def delete(self, server_id: str) -> Operation:
        """Ask for a server to be removed."""
        return _read(Operation, await self._call("DELETE", f"/v1/servers/{server_id}"))

    async def operations(self) -> list[Operation]:
        """List the operations, newest first."""
        return await self._list(Operation, "/v1/operations", pages=1)

    async def operation(self, id: str) -> Operation:
        """Return one operation."""
        return _read(Operation, await self._call("GET", f"/v1/operations/{id}"))

    async def cancel(self, operation_id: str) -> Operation:
        """Ask for an operation to be given up."""
        return _read(Operation, await self._call("POST", f"/v1/operations/{operation_id}/cancel"))

    async def log_ticket(self, operation_id: str) -> LogTicket:
        """Get leave to read an operation's log."""
        answer = await self._call("POST", f"/v1/operations/{operation_id}/log-tickets")
        return _read(LogTicket, answer)

    async def _list(self, kind: type[A], path: str, *, pages: int = 50) -> list[A]:
        found: list[A] = []
        after: str | None = None
        for _ in range(pages):
            query = {"limit": "100", **({"after": after} if after else {})}
            page = Page.model_validate((await self._call("GET", path, query=query)).json())
            found += [kind.model_validate(item) for item in page.items]
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
        token = await self._access_token()
        for last in (False, True):
            headers["Authorization"] = f"Bearer {token}"
            response = await self._http.request(
                method, path, headers=headers, params=query, json=body
            )
            if response.status_code != HTTPStatus.UNAUTHORIZED or last:
                break
            token = await self._renewed(self._login())
        return _check(response)

    def _login(self) -> Login:
        login = self._credentials.find(self._url)
        if login is None:
            raise Failure(f"you are not logged in at {self._url}", "yard login")
        return login

    async def _access_token(self) -> str:
        login = self._login()
        return login.access_token if login.is_fresh else await self._renewed(login)

    async def _renewed(self, login: Login) -> str:
        body = {"refresh_token": login.refresh_token}
        response = await self._http.post("/v1/auth/refresh", json=body)
        if response.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
            raise Failure("the login has ended", "yard login")
        tokens = _read(Tokens, response)
        self._credentials.keep(self._url, Login.of(login.username, tokens))
        return tokens.access_token


@asynccontextmanager
async def gateway(url: str, *, credentials: Credentials) -> AsyncGenerator[Gateway]:
    """Open a client of the gateway at ``url``; an unreachable one ends in a failure."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        try:
            yield Gateway(http, url=url, credentials=credentials)
        except httpx.TransportError as error:
            raise Failure(
                f"the gateway at {url} does not answer ({type(error).__name__})",
                "start one with: yard up   (or name another: --url, SPAWNYARD_URL)",
            ) from error


def _read(kind: type[A], response: httpx.Response) -> A:
    try:
        return kind.model_validate_json(_check(response).content)
    except ValidationError as error:
        raise Failure(
            f"the gateway's answer was not understood ({error.error_count()} fields)",
            "use the yard command that came with this gateway's version",
        ) from error


def _check(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        problem = Problem(detail=f"HTTP {response.status_code} {response.reason_phrase}")
    reason = f"{problem.title}: {problem.detail}" if problem.detail else problem.title
    details = tuple(f"{error.pointer or '/'}: {error.detail}" for error in problem.errors)
    trace = (f"request id: {problem.request_id}",) if problem.request_id else ()
    raise Failure(reason, problem.remedy, details=details + trace)
