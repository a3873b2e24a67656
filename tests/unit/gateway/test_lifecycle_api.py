"""The routes that change a server: 202 with the operation, or a refusal that says what helps."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from common.contracts.servers import Lock
from gateway.domain.phase import Phase
from tests.fakes.gateway import MOMENT
from tests.unit.gateway.door import Door, open_door


@pytest.fixture
async def door() -> AsyncGenerator[Door]:
    async with open_door() as door:
        yield door


async def server_in(door: Door, phase: Phase, **settings: Any) -> str:
    """The path of a server whose deployment has succeeded."""
    operation = (await door.deploy(name="mine", settings=settings)).json()
    server_id = operation["server_id"]
    rows = door.work.servers.rows
    rows[server_id] = replace(rows[server_id], phase=phase, has_vm=True)
    del door.work.operations.rows[operation["id"]]
    return f"/v1/servers/{server_id}"


async def send(
    door: Door, method: str, path: str, body: Any = None, *, key: str | None = None
) -> httpx.Response:
    headers = door.bearer() | ({"Idempotency-Key": key} if key else {})
    options: Any = {} if body is None else {"json": body}
    return await door.client.request(method, path, headers=headers, **options)


VERBS = [
    ("start", Phase.STOPPED, "starting"),
    ("stop", Phase.RUNNING, "stopping"),
    ("restart", Phase.RUNNING, "restarting"),
    ("kill", Phase.RUNNING, "stopping"),
    ("update", Phase.RUNNING, "changing"),
]


@pytest.mark.parametrize(("verb", "before", "after"), VERBS)
async def test_a_verb_is_accepted_and_says_where_to_look(
    door: Door, verb: str, before: Phase, after: str
) -> None:
    path = await server_in(door, before)

    response = await send(door, "POST", f"{path}/{verb}")

    operation = response.json()
    assert response.status_code == 202, response.text
    assert response.headers["Location"] == f"/v1/operations/{operation['id']}"
    assert (operation["kind"], operation["state"]) == (verb, "queued")
    server = (await send(door, "GET", path)).json()
    assert (server["phase"], server["actions"]) == (after, ["kill", "delete"])


async def test_a_server_tells_what_it_can_be_asked_for(door: Door) -> None:
    path = await server_in(door, Phase.STOPPED)

    server = (await send(door, "GET", path)).json()

    assert server["actions"] == ["start", "resize", "reconfigure", "delete"]


@pytest.mark.parametrize(("verb", "before", "after"), VERBS)
async def test_under_one_key_a_verb_counts_once(
    door: Door, verb: str, before: Phase, after: str
) -> None:
    path = await server_in(door, before)

    answers = [await send(door, "POST", f"{path}/{verb}", body, key="k") for body in (None, {})]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    assert len(door.work.operations.rows) == 1


async def test_a_key_is_of_one_route_and_one_body(door: Door) -> None:
    path = await server_in(door, Phase.RUNNING)

    first = await send(door, "POST", f"{path}/restart", {"force": True}, key="k")
    other = await send(door, "POST", f"{path}/restart", {"force": False}, key="k")
    kill = await send(door, "POST", f"{path}/kill", key="k")

    assert (first.status_code, kill.status_code) == (202, 202)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert door.work.operations.rows[first.json()["id"]].force


@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [
        ("POST", "/stop", {"force": True}),
        ("POST", "/restart", {"force": "maybe"}),
        ("POST", "/update", {"version": ""}),
        ("POST", "/update", {"to": "2"}),
        ("PATCH", "", {"game": "other"}),
        ("PATCH", "", {"name": "Not A Name"}),
        ("PATCH", "", {"settings": []}),
    ],
)
async def test_a_body_that_is_not_as_described_is_refused(
    door: Door, method: str, verb: str, body: Any
) -> None:
    path = await server_in(door, Phase.RUNNING)

    response = await send(door, method, f"{path}{verb}", body)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("method", "verb", "body", "phase", "code"),
    [
        ("POST", "/start", None, Phase.RUNNING, "phase_forbids"),
        ("POST", "/stop", None, Phase.STOPPED, "phase_forbids"),
        ("POST", "/restart", None, Phase.STOPPED, "phase_forbids"),
        ("POST", "/kill", None, Phase.STOPPED, "phase_forbids"),
        ("POST", "/update", None, Phase.STOPPED, "phase_forbids"),
        ("PATCH", "", {"plan": "large"}, Phase.FAILED, "phase_forbids"),
        ("POST", "/start", None, Phase.DELETED, "server_deleted"),
        ("DELETE", "", None, Phase.DELETED, "server_deleted"),
    ],
)
async def test_what_the_phase_does_not_allow_is_a_conflict_with_a_remedy(
    door: Door, method: str, verb: str, body: Any, phase: Phase, code: str
) -> None:
    path = await server_in(door, phase)

    response = await send(door, method, f"{path}{verb}", body)

    assert (response.status_code, response.json()["code"]) == (409, code)
    assert response.json()["remedy"] or code == "server_deleted"


async def test_a_change_in_turn_waits_and_a_kill_does_not(door: Door) -> None:
    path = await server_in(door, Phase.RUNNING)
    stop = (await send(door, "POST", f"{path}/stop")).json()

    busy = await send(door, "PATCH", path, {"name": "other"})
    kill = await send(door, "POST", f"{path}/kill")

    assert (busy.status_code, busy.json()["code"]) == (409, "server_busy")
    assert "kill the server" in busy.json()["remedy"]
    assert kill.status_code == 202
    overtaken = (await send(door, "GET", stop["links"]["self"])).json()
    assert overtaken["state"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"plan": "large"}, "resize"),
        ({"name": "other"}, "reconfigure"),
        ({"settings": {"mode": "hard"}}, "reconfigure"),
    ],
)
async def test_an_alteration_is_the_operation_it_takes(
    door: Door, body: dict[str, Any], kind: str
) -> None:
    path = await server_in(door, Phase.RUNNING)

    response = await send(door, "PATCH", path, body, key="k")
    again = await send(door, "PATCH", path, body, key="k")

    assert (response.status_code, response.json()["kind"]) == (202, kind)
    assert response.content == again.content


async def test_an_alteration_keeps_the_secrets_it_does_not_mention(door: Door) -> None:
    path = await server_in(door, Phase.RUNNING, password="geheim")

    response = await send(door, "PATCH", path, {"settings": {"motd": "New"}})

    operation = door.work.operations.rows[response.json()["id"]]
    assert str(operation.spec.settings["password"]).startswith("sealed:")
    assert "geheim" not in repr(vars(door.work))


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "nothing_to_change", None),
        ({"name": "mine"}, "nothing_to_change", None),
        ({"plan": "huge"}, "unknown_plan", "/plan"),
        ({"settings": {"mode": "odd"}}, "settings_refused", "/settings/mode"),
    ],
)
async def test_an_alteration_that_makes_no_sense_is_refused(
    door: Door, body: dict[str, Any], code: str, pointer: str | None
) -> None:
    path = await server_in(door, Phase.RUNNING)

    problem = (await send(door, "PATCH", path, body)).json()

    assert (problem["status"], problem["code"]) == (422, code)
    assert problem["remedy"]
    assert [error["pointer"] for error in problem["errors"]] == ([pointer] if pointer else [])


async def test_a_version_that_nobody_can_choose_is_refused_where_it_was_said(door: Door) -> None:
    path = await server_in(door, Phase.RUNNING)

    response = await send(door, "POST", f"{path}/update", {"version": "2"})

    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "no_versions")
    assert problem["errors"][0]["pointer"] == "/version"
    assert problem["remedy"]


async def test_a_server_shows_what_exactly_it_was_made_of(door: Door) -> None:
    path = await server_in(door, Phase.RUNNING)
    before = (await send(door, "GET", path)).json()
    rows, name = door.work.servers.rows, path.rpartition("/")[2]
    lock = Lock(game="blocks", version="1.2", definition="1.2.3", resolved_at=MOMENT)
    spec = rows[name].spec.model_copy(update={"lock": lock})
    rows[name] = replace(rows[name], spec=spec)

    after = (await send(door, "GET", path)).json()

    assert before["lock"] is None
    assert after["lock"]["version"] == "1.2"
