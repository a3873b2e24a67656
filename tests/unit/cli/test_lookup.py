"""Servers and operations are found by what people call them."""

import httpx
import pytest

from yard_cli.client.api import Gateway
from yard_cli.client.credentials import Credentials, Login
from yard_cli.client.lookup import operation_called, server_called
from yard_cli.client.models import Server
from yard_cli.client.session import Session
from yard_cli.client.wire import Wire
from yard_cli.failure import Failure

URL = "http://127.0.0.1:1"
OLD, NEW = "srv_01m7yvjh4wqywv5znqtzsrw87g", "srv_01m7yvmsk3jf5hrt6sz5jxj7bv"
GONE = "srv_01m7yvaaaaaaaaaaaaaaaaaaaa"
FIRST, LAST = "op_01m7yvjh4wqywv5znqtzsrw87h", "op_01m7yvmsk3jf5hrt6sz5jxj7bw"
SERVERS = (
    {"id": NEW, "name": "arena", "game": "teeworlds", "phase": "running"},
    {"id": OLD, "name": "my-world", "game": "luanti", "phase": "running"},
    {"id": GONE, "name": "arena", "game": "teeworlds", "phase": "deleted"},
)
OPERATIONS = (
    {"id": LAST, "kind": "deploy", "server_id": NEW, "state": "running"},
    {"id": FIRST, "kind": "deploy", "server_id": OLD, "state": "succeeded"},
)


@pytest.fixture
def gateway(tmp_path) -> Gateway:
    credentials = Credentials(tmp_path / "credentials.json")
    login = Login(username="me", access_token="a", refresh_token="b", expires_at=2e10)
    credentials.keep(URL, login)

    def answer(request: httpx.Request) -> httpx.Response:
        items = SERVERS if request.url.path == "/v1/servers" else OPERATIONS
        return httpx.Response(200, json={"items": items, "next_cursor": None})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url=URL)
    return Gateway(Wire(http, session=Session(http, url=URL, credentials=credentials)))


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        (OLD, OLD),
        (OLD.upper().replace("SRV", "srv"), OLD),
        ("my-world", OLD),
        ("srv_01m7yvms", NEW),
        ("srv_01m7yvms…", NEW),
        ("arena", NEW),
    ],
)
async def test_a_server_is_found_by_name_id_or_the_beginning_of_its_id(
    gateway: Gateway, word: str, meant: str
):
    assert await server_called(gateway, word) == meant


@pytest.mark.parametrize("word", ["nothing", "srv_zz", ""])
async def test_an_unknown_server_is_a_failure_that_says_where_to_look(gateway: Gateway, word: str):
    with pytest.raises(Failure, match="there is no server called") as failure:
        await server_called(gateway, word)

    assert failure.value.remedy == "see: ./yard servers"


async def test_an_ambiguous_beginning_lists_whom_it_may_mean(gateway: Gateway):
    with pytest.raises(Failure) as failure:
        await server_called(gateway, "srv_01")

    assert failure.value.details == (NEW, OLD, GONE)


@pytest.mark.parametrize(
    ("word", "meant"),
    [(None, LAST), (FIRST, FIRST), ("op_01m7yvjh", FIRST), ("my-world", FIRST), ("arena", LAST)],
)
async def test_an_operation_is_found_by_id_by_server_or_as_the_newest(
    gateway: Gateway, word: str | None, meant: str
):
    assert await operation_called(gateway, word) == meant


async def test_a_server_without_operations_in_reach_is_a_failure(gateway: Gateway):
    with pytest.raises(Failure, match="there is no operation called"):
        await operation_called(gateway, GONE)


@pytest.mark.parametrize(
    ("told", "crowd"),
    [({}, ""), ({"players": 0}, "0"), ({"players": 3, "max_players": 8}, "3/8")],
)
def test_who_plays_is_told_in_few_words_once_it_is_known(told: dict[str, int], crowd: str):
    assert Server.model_validate({**SERVERS[0], **told}).crowd == crowd
