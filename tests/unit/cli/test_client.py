"""The client of the API: tokens that renew themselves, refusals that say what helps."""

import asyncio
import json
import stat
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from yard_cli.client.api import Gateway
from yard_cli.client.credentials import Account, Credentials, Login
from yard_cli.client.session import Session
from yard_cli.client.wire import Wire
from yard_cli.failure import Failure

URL = "http://gateway"
Answer = Callable[[httpx.Request], httpx.Response]


def a_login(*, token: str = "old", lasts: float = 300) -> Login:
    return Login(
        username="me", access_token=token, refresh_token="again", expires_at=time.time() + lasts
    )


class FakeGateway:
    """Answers by path; knows one good token at a time, and gives a new one for ``again``."""

    def __init__(self) -> None:
        self.good = "old"
        self.renewals = 0
        self.logins: list[str] = []
        self.answers: dict[str, Answer] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/auth/refresh":
            return self._renew(json.loads(request.content)["refresh_token"])
        if request.url.path == "/v1/auth/login":
            self.logins.append(json.loads(request.content)["username"])
            return self._renew("again")
        if request.headers.get("authorization") != f"Bearer {self.good}":
            return problem(401, title="Unauthorised")
        return self.answers[request.url.path](request)

    def _renew(self, token: str) -> httpx.Response:
        if token != "again":
            return problem(401, title="Unauthorised")
        self.renewals += 1
        self.good = f"new-{self.renewals}"
        tokens = {"access_token": self.good, "refresh_token": "again", "expires_in": 300}
        return httpx.Response(200, json=tokens)


def problem(status: int, **words: object) -> httpx.Response:
    return httpx.Response(status, json={"status": status, **words})


def page(*items: object, after: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"items": list(items), "next_cursor": after})


@pytest.fixture
def world() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path / "config" / "credentials.json")


def client(world: FakeGateway, credentials: Credentials, account: Account | None = None) -> Gateway:
    http = httpx.AsyncClient(transport=httpx.MockTransport(world), base_url=URL)
    session = Session(http, url=URL, credentials=credentials, account=account)
    return Gateway(Wire(http, session=session))


def test_tokens_are_kept_where_only_their_owner_reads(credentials: Credentials):
    credentials.keep(URL, a_login())
    credentials.keep("http://other", a_login(token="other"))

    assert stat.S_IMODE(credentials.path.stat().st_mode) == 0o600
    kept = credentials.find(URL)
    assert kept is not None
    assert kept.access_token == "old"


async def test_a_token_about_to_end_is_renewed_and_kept(
    world: FakeGateway, credentials: Credentials
):
    credentials.keep(URL, a_login(lasts=1))
    world.answers["/v1/servers"] = lambda _: page()

    await client(world, credentials).servers()

    assert world.renewals == 1
    kept = credentials.find(URL)
    assert kept is not None
    assert kept.access_token == "new-1"


async def test_a_token_refused_before_its_time_is_renewed_once(
    world: FakeGateway, credentials: Credentials
):
    credentials.keep(URL, a_login())
    world.good = "another"
    world.answers["/v1/servers"] = lambda _: page()

    await client(world, credentials).servers()

    assert world.renewals == 1


async def test_without_a_login_the_remedy_is_to_log_in(
    world: FakeGateway, credentials: Credentials
):
    with pytest.raises(Failure) as refusal:
        await client(world, credentials).servers()

    assert refusal.value.remedy == f"./yard login --url {URL}"


async def test_two_commands_at_once_renew_a_login_once(
    world: FakeGateway, credentials: Credentials
):
    credentials.keep(URL, a_login(lasts=1))
    world.answers["/v1/servers"] = lambda _: page()

    await asyncio.gather(*(client(world, credentials).servers() for _ in range(3)))

    assert world.renewals == 1


OWNER = Account(username="me", password="known")


async def test_where_the_password_is_known_a_login_that_ended_begins_anew(
    world: FakeGateway, credentials: Credentials
):
    credentials.keep(URL, a_login(lasts=1).model_copy(update={"refresh_token": "used"}))
    world.answers["/v1/servers"] = lambda _: page()

    await client(world, credentials, OWNER).servers()

    assert world.logins == ["me"]


async def test_another_users_login_is_not_replaced_by_the_owners(
    world: FakeGateway, credentials: Credentials
):
    login = a_login(lasts=1).model_copy(update={"refresh_token": "used", "username": "other"})
    credentials.keep(URL, login)

    with pytest.raises(Failure, match="the login of other"):
        await client(world, credentials, OWNER).servers()

    assert world.logins == []


async def test_a_refusal_carries_fields_and_remedy(world: FakeGateway, credentials: Credentials):
    credentials.keep(URL, a_login())
    world.answers["/v1/deployments"] = lambda _: problem(
        422,
        title="Not valid",
        detail="1 setting is wrong",
        errors=[{"pointer": "/settings/slots", "detail": "is above 16"}],
        remedy="see: yard games",
        request_id="req_1",
    )

    with pytest.raises(Failure) as refusal:
        await client(world, credentials).deploy({"game": "some"}, key="k")

    assert refusal.value.reason == "Not valid: 1 setting is wrong"
    assert refusal.value.details == ("/settings/slots: is above 16", "request id: req_1")
    assert refusal.value.remedy == "see: yard games"


async def test_an_answer_that_is_no_problem_document_is_still_a_failure(
    world: FakeGateway, credentials: Credentials
):
    credentials.keep(URL, a_login())
    world.answers["/v1/servers/srv_1"] = lambda _: httpx.Response(502, text="<html>")

    with pytest.raises(Failure, match="HTTP 502"):
        await client(world, credentials).server("srv_1")


async def test_lists_are_read_to_their_last_page(world: FakeGateway, credentials: Credentials):
    credentials.keep(URL, a_login())

    def answer(request: httpx.Request) -> httpx.Response:
        game = {"name": "n", "summary": "s"}
        if request.url.params.get("after") == "a":
            return page({"id": "two", **game})
        return page({"id": "one", **game}, after="a")

    world.answers["/v1/games"] = answer

    games = await client(world, credentials).games()

    assert [game.id for game in games] == ["one", "two"]
