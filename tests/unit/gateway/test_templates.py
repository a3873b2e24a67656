"""Templates at the door and in the ledger: baked, listed, refused, removed."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from common.contracts import events as evt
from common.contracts.base import Event
from gateway.domain.phase import Phase
from gateway.domain.user import Role
from gateway.handlers.events import on_event
from gateway.handlers.reconciler import reconcile
from tests.fakes.gateway import MOMENT, USER, FakeWork
from tests.fakes.questions import FakeQuestions
from tests.unit.gateway.door import OTHER, Door, open_door

PATH = "/v1/templates"


@pytest.fixture
def questions() -> FakeQuestions:
    return FakeQuestions()


@pytest.fixture
async def door(questions: FakeQuestions) -> AsyncGenerator[Door]:
    async with open_door(questions) as door:
        yield door


async def bake(door: Door, **headers: str) -> dict[str, Any]:
    answer = await door.client.post(
        PATH, json={"game": "blocks"}, headers={**door.bearer(), **headers}
    )
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/operations/{answer.json()['id']}"
    return answer.json()


async def listed(door: Door) -> list[dict[str, Any]]:
    return (await door.client.get(PATH, headers=door.bearer())).json()["items"]


async def hear(work: FakeWork, kind: type[Event], asked: dict[str, Any], **fields: Any) -> None:
    about = {"server_id": asked["server_id"], "operation_id": asked["id"]}
    await on_event(kind(**about, **fields), work=work, at=MOMENT)  # pyright: ignore[reportArgumentType]  any event of the union


async def baked(door: Door) -> dict[str, Any]:
    asked = await bake(door)
    await hear(door.work, evt.GuestSealed, asked)
    await hear(door.work, evt.VMTemplated, asked, vmid=900_001, node="pve", base=9000)
    return asked


def requests(work: FakeWork) -> list[evt.DeploymentRequested]:
    return [m for m in work.outbox.messages if isinstance(m, evt.DeploymentRequested)]


async def test_a_bake_asks_for_a_vm_that_gets_no_game(door: Door) -> None:
    asked = await bake(door)

    [request] = requests(door.work)
    assert (asked["kind"], asked["steps"][-1]["name"]) == ("bake", "convert")
    assert (request.spec.purpose, request.spec.recipe) == ("template", "abc")
    assert request.spec.settings["motd"] == "Hello"
    assert request.spec.ports == ()


async def test_under_one_key_a_template_is_baked_once(door: Door) -> None:
    headers = {"Idempotency-Key": "k"}

    first, second = await bake(door, **headers), await bake(door, **headers)

    assert first["id"] == second["id"]
    assert len(await listed(door)) == 1


async def test_a_baked_template_tells_where_it_is_and_is_no_server(door: Door) -> None:
    asked = await baked(door)

    [template] = await listed(door)
    servers = (await door.client.get("/v1/servers", headers=door.bearer())).json()["items"]
    operation = await door.client.get(f"/v1/operations/{asked['id']}", headers=door.bearer())
    assert (template["phase"], template["current"]) == ("template", True)
    assert (template["vmid"], template["node"], template["base"]) == (900_001, "pve", 9000)
    assert operation.json()["state"] == "succeeded"
    assert servers == []


async def test_a_template_of_another_recipe_is_not_current(door: Door) -> None:
    asked = await baked(door)
    row = door.work.servers.rows[asked["server_id"]]
    older = row.spec.model_copy(update={"recipe": "older"})
    door.work.servers.rows[row.id] = replace(row, spec=older)

    [template] = await listed(door)

    assert (template["phase"], template["current"]) == ("template", False)


async def test_what_is_sealed_waits_for_its_conversion_and_is_asked_for_again(door: Door) -> None:
    asked = await bake(door)
    await hear(door.work, evt.GuestSealed, asked)
    await hear(door.work, evt.GuestSealed, asked)
    before = len(requests(door.work))

    await reconcile(work=door.work, at=MOMENT.replace(year=2027))

    operation = door.work.operations.rows[asked["id"]]
    assert len(requests(door.work)) == before
    assert operation.state == "failing"  # a year is more than it is given


async def test_a_bake_that_fails_has_its_vm_removed(door: Door) -> None:
    asked = await bake(door)
    await hear(door.work, evt.ServerFailed, asked, step="playbook", reason="no mirror")
    removals = [m for m in door.work.outbox.messages if isinstance(m, evt.RemovalRequested)]

    await hear(door.work, evt.VMDeleted, asked)

    [template] = await listed(door)
    assert [removal.reason for removal in removals] == ["failed"]
    assert (template["phase"], template["error"]["detail"]) == ("failed", "no mirror")


async def test_a_template_in_use_is_not_removed_and_afterwards_it_is(
    door: Door, questions: FakeQuestions
) -> None:
    asked = await baked(door)
    path = f"{PATH}/{asked['server_id']}"
    questions.clones = ("srv_a", "srv_b")

    refused = await door.client.delete(path, headers=door.bearer())
    questions.clones = ()
    accepted = await door.client.delete(path, headers=door.bearer(OTHER))
    again = await door.client.delete(path, headers=door.bearer())

    assert (refused.status_code, refused.json()["code"]) == (409, "template_in_use")
    assert "srv_a, srv_b" in refused.json()["detail"]
    assert refused.json()["remedy"]
    assert (accepted.status_code, accepted.json()["kind"]) == (202, "delete")
    assert again.json()["id"] == accepted.json()["id"]
    assert door.work.servers.rows[asked["server_id"]].phase is Phase.DELETING


async def test_a_server_is_no_template(door: Door) -> None:
    server = (await door.deploy()).json()["server_id"]

    answer = await door.client.delete(f"{PATH}/{server}", headers=door.bearer())

    assert (answer.status_code, answer.json()["code"]) == (404, "template_not_found")


async def test_a_template_is_no_server_that_could_be_deleted_past_its_clones(door: Door) -> None:
    asked = await baked(door)

    answer = await door.client.delete(f"/v1/servers/{asked['server_id']}", headers=door.bearer())

    assert (answer.status_code, answer.json()["code"]) == (404, "server_not_found")
    assert "/v1/templates" in answer.json()["remedy"]
    assert door.work.servers.rows[asked["server_id"]].phase is Phase.TEMPLATE


async def test_one_whose_removal_was_refused_is_not_asked_for_again_while_it_is_in_use(
    door: Door, questions: FakeQuestions
) -> None:
    asked = await baked(door)
    path = f"{PATH}/{asked['server_id']}"
    removal = (await door.client.delete(path, headers=door.bearer())).json()
    await hear(
        door.work, evt.VMRemovalBlocked, removal, vmid=900_001, reason="in use", remedy="wait"
    )
    questions.clones = ("srv_a",)

    refused = await door.client.delete(path, headers=door.bearer())
    questions.clones = ()
    accepted = await door.client.delete(path, headers=door.bearer())

    assert (refused.status_code, refused.json()["code"]) == (409, "template_in_use")
    assert accepted.status_code == 202


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 200), (Role.USER, 404)])
async def test_what_is_done_to_a_template_every_administrator_may_follow(
    door: Door, role: Role, status: int
) -> None:
    asked = await baked(door)
    another = replace(USER, id="usr_9", role=role)
    path = f"/v1/operations/{asked['id']}"

    seen = await door.client.get(path, headers=door.bearer(another))
    ticket = await door.client.post(f"{path}/log-tickets", headers=door.bearer(another))
    of = await door.client.get(f"/v1/servers/{asked['server_id']}", headers=door.bearer(another))

    assert (seen.status_code, of.status_code) == (status, status)
    assert ticket.is_success is (role is Role.ADMIN)


async def test_another_administrator_may_call_a_bake_off(door: Door) -> None:
    asked = await bake(door)

    answer = await door.client.post(
        f"/v1/operations/{asked['id']}/cancel", headers=door.bearer(OTHER)
    )

    assert answer.status_code == 202


async def test_what_is_done_to_a_server_its_owner_alone_may_follow(door: Door) -> None:
    operation = (await door.deploy()).json()

    seen = await door.client.get(f"/v1/operations/{operation['id']}", headers=door.bearer(OTHER))
    of = await door.client.get(f"/v1/servers/{operation['server_id']}", headers=door.bearer(OTHER))

    assert (seen.status_code, of.status_code) == (404, 404)


async def test_an_unknown_game_cannot_be_baked(door: Door) -> None:
    answer = await door.client.post(PATH, json={"game": "chess"}, headers=door.bearer())

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_game")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_only_administrators_come_near(door: Door, method: str) -> None:
    humble = replace(USER, id="usr_9", role=Role.USER)

    refused = await door.client.request(
        method, PATH, json={"game": "blocks"}, headers=door.bearer(humble)
    )

    assert refused.status_code == 403
    assert not door.work.operations.rows
