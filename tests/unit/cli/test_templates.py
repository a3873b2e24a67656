"""Templates at the command line: asked for, listed, and let go by their game's name."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from common.contracts import events as evt
from gateway.domain.phase import Phase
from tests.unit.cli.test_client import URL, FakeGateway, a_login, client
from tests.unit.gateway.door import OTHER, Door, open_door
from tests.unit.gateway.test_templates import baked, hear
from yard_cli.client.api import Gateway
from yard_cli.client.credentials import Credentials
from yard_cli.client.lookup import template_called
from yard_cli.client.models import Line, Template
from yard_cli.client.session import Session
from yard_cli.client.wire import Wire
from yard_cli.failure import Failure
from yard_cli.main import command_line

OPERATION = {"id": "op_1", "kind": "bake", "server_id": "srv_1", "state": "queued"}
BAKED = {"id": "srv_1", "game": "luanti", "phase": "template", "current": True, "vmid": 900_001}
OLDER = {**BAKED, "id": "srv_0", "current": False}


@pytest.fixture
def world() -> FakeGateway:
    return FakeGateway()


def opened(world: FakeGateway, folder: Path) -> Gateway:
    credentials = Credentials(folder / "credentials.json")
    credentials.keep(URL, a_login())
    return client(world, credentials)


async def test_a_bake_is_one_request_under_a_key(world: FakeGateway, tmp_path: Path):
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202, json=OPERATION)

    world.answers["/v1/templates"] = answer

    operation = await opened(world, tmp_path).bake("luanti", key="k")

    [request] = seen
    assert (operation.kind, request.headers["Idempotency-Key"]) == ("bake", "k")
    assert json.loads(request.content) == {"game": "luanti"}


@pytest.mark.parametrize(
    ("word", "listed", "meant"),
    [("luanti", [BAKED], "srv_1"), ("srv_0", [BAKED, OLDER], "srv_0")],
)
async def test_a_template_is_called_by_its_game_or_its_id(
    world: FakeGateway, tmp_path: Path, word: str, listed: list[dict[str, object]], meant: str
):
    world.answers["/v1/templates"] = lambda _: httpx.Response(200, json={"items": listed})

    assert await template_called(opened(world, tmp_path), word) == meant


@pytest.mark.parametrize("word", ["luanti", "chess"])
async def test_what_may_be_several_or_none_is_asked_back(
    world: FakeGateway, tmp_path: Path, word: str
):
    world.answers["/v1/templates"] = lambda _: httpx.Response(200, json={"items": [BAKED, OLDER]})

    with pytest.raises(Failure) as failure:
        await template_called(opened(world, tmp_path), word)

    assert "yard template list" in (failure.value.remedy or "")


def test_the_list_tells_which_ones_are_used(monkeypatch: pytest.MonkeyPatch):
    found = [Template.model_validate(one) for one in (BAKED, OLDER)]
    monkeypatch.setattr("yard_cli.commands.templates.with_gateway", lambda *_: found)

    shown = CliRunner().invoke(command_line(), ["template", "list"])
    as_json = CliRunner().invoke(command_line(), ["template", "list", "--json"])

    assert "out of date" in shown.output
    assert [one["id"] for one in json.loads(as_json.output)] == ["srv_1", "srv_0"]


def test_another_administrator_than_the_one_who_baked_it_follows_its_removal_to_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    doors: list[Door] = []

    @asynccontextmanager
    async def as_another(*_: object) -> AsyncGenerator[Gateway]:
        async with open_door() as door:
            await baked(door)
            doors.append(door)
            token = door.bearer(OTHER)["Authorization"].split()[1]
            credentials = Credentials(tmp_path / "credentials.json")
            credentials.keep(URL, a_login(token=token))
            session = Session(door.client, url=URL, credentials=credentials)
            yield Gateway(Wire(door.client, session=session))

    async def while_the_vm_goes(_: Gateway, operation_id: str) -> AsyncGenerator[Line]:
        work = doors[0].work
        server_id = work.operations.rows[operation_id].server_id
        await hear(work, evt.VMDeleted, {"id": operation_id, "server_id": server_id})
        for line in ():
            yield line

    monkeypatch.setattr("yard_cli.commands.target.api", as_another)
    monkeypatch.setattr("yard_cli.commands.following.follow", while_the_vm_goes)

    shown = CliRunner().invoke(command_line(), ["template", "delete", "-f", "blocks"])

    assert (shown.exit_code, shown.exception) == (0, None), shown.output
    assert "delete succeeded" in shown.output
    [template] = doors[0].work.servers.rows.values()
    assert template.phase is Phase.DELETED
