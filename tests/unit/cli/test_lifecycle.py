"""Each verb is the request that the gateway expects, with a key of its own."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from tests.unit.cli.test_client import FakeGateway, a_login, client
from yard_cli.client.api import Gateway
from yard_cli.client.credentials import Credentials
from yard_cli.client.models import Operation
from yard_cli.main import command_line

OPERATION = {"id": "op_1", "kind": "stop", "server_id": "srv_1", "state": "queued"}
VERBS = ["start", "stop", "restart", "kill", "set", "update", "resize", "rename", "delete"]


@pytest.mark.parametrize(
    ("request_it", "method", "path", "body"),
    [
        (lambda g: g.change("srv_1", "stop", key="k"), "POST", "/v1/servers/srv_1/stop", None),
        (
            lambda g: g.change("srv_1", "restart", key="k", body={"force": True}),
            "POST", "/v1/servers/srv_1/restart", {"force": True},
        ),
        (
            lambda g: g.change("srv_1", "update", key="k", body={"version": "2"}),
            "POST", "/v1/servers/srv_1/update", {"version": "2"},
        ),
        (
            lambda g: g.alter("srv_1", {"plan": "large"}, key="k"),
            "PATCH", "/v1/servers/srv_1", {"plan": "large"},
        ),
    ],
)  # fmt: skip
async def test_a_verb_is_one_request(
    tmp_path: Path,
    request_it: Callable[[Gateway], Awaitable[Operation]],
    method: str,
    path: str,
    body: object,
):
    world, credentials = FakeGateway(), Credentials(tmp_path / "credentials.json")
    credentials.keep("http://gateway", a_login())
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202, json=OPERATION)

    world.answers[path] = answer

    operation = await request_it(client(world, credentials))

    (request,) = seen
    assert operation.id == "op_1"
    assert (request.method, request.headers["Idempotency-Key"]) == (method, "k")
    assert (json.loads(request.content) if request.content else None) == body


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_what_it_takes(verb: str):
    told = CliRunner().invoke(command_line(), [verb, "--help"])

    assert told.exit_code == 0
    assert "--follow" in told.output
    assert "--json" in told.output


def test_commands_stand_in_groups():
    told = CliRunner().invoke(command_line(), ["--help"], env={"COLUMNS": "120"})

    for group in ("On this machine", "Servers", "What is being done", "The project"):
        assert group in told.output


def test_setting_nothing_is_refused_before_anything_is_asked():
    refused = CliRunner().invoke(command_line(), ["set", "mine"])

    assert "nothing to set" in str(refused.exception)
