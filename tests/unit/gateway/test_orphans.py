"""Orphaned VMs at the door: administrators look, and have them removed."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from common.contracts.orphans import Orphan, SweepReport, SweepWish
from common.messaging.ask import Refusal
from gateway.adapters.questions import refusal_of
from gateway.domain.administration import ServiceAway
from gateway.domain.user import Role
from tests.fakes.gateway import USER
from tests.fakes.questions import FakeQuestions
from tests.unit.gateway.door import Door, open_door

PATH = "/v1/orphans"
REPORT = SweepReport(
    at="2026-11-21T13:00:00+00:00",
    orphans=(
        Orphan(
            vmid=900_001,
            node="pve",
            verdict="cleanup_blocked",
            reason="locked",
            command="qm unlock 900001 && qm destroy 900001",
        ),
    ),
)


@pytest.fixture
def questions() -> FakeQuestions:
    return FakeQuestions(swept=REPORT)


@pytest.fixture
async def door(questions: FakeQuestions) -> AsyncGenerator[Door]:
    async with open_door(questions) as door:
        yield door


async def test_the_last_report_is_told_with_the_commands_that_help(door: Door):
    answer = await door.client.get(PATH, headers=door.bearer())

    assert answer.status_code == 200
    assert answer.json() == REPORT.model_dump(mode="json")


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        (None, SweepWish()),
        ({}, SweepWish()),
        ({"dry_run": False}, SweepWish(dry_run=False)),
        ({"dry_run": False, "cap": 9}, SweepWish(dry_run=False, cap=9)),
    ],
)
async def test_a_sweep_is_dry_unless_it_is_asked_for_in_earnest(
    door: Door, questions: FakeQuestions, body: dict[str, Any] | None, wish: SweepWish
):
    answer = await door.client.post(f"{PATH}/sweep", json=body, headers=door.bearer())

    [(question, asked)] = questions.asked
    assert (question, SweepWish.model_validate_json(asked)) == ("orphans.sweep", wish)
    assert answer.json()["dry_run"] is wish.dry_run


@pytest.mark.parametrize("body", [{"cap": 0}, {"cap": 10_001}, {"force": True}, {"dry_run": 7}])
async def test_a_mistake_is_named_by_its_field(door: Door, body: dict[str, Any]):
    answer = await door.client.post(f"{PATH}/sweep", json=body, headers=door.bearer())

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(body))}"


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", f"{PATH}/sweep")])
async def test_only_administrators_come_near(
    door: Door, questions: FakeQuestions, method: str, path: str
):
    humble = replace(USER, id="usr_9", role=Role.USER)

    refused = await door.client.request(method, path, headers=door.bearer(humble))
    unknown = await door.client.request(method, path)

    assert (refused.status_code, unknown.status_code) == (403, 401)
    assert not questions.asked


@pytest.mark.parametrize(
    ("code", "status"), [("sweep_busy", 409), ("hypervisor_trouble", 502), ("internal_error", 502)]
)
async def test_a_refusal_of_the_vm_service_keeps_its_remedy(
    door: Door, questions: FakeQuestions, code: str, status: int
):
    questions.refusal = refusal_of(Refusal(code=code, detail="no", remedy="ask again"))

    answer = await door.client.post(f"{PATH}/sweep", headers=door.bearer())

    assert (answer.status_code, answer.json()["remedy"]) == (status, "ask again")


async def test_a_vm_service_that_is_away_is_told_as_such(door: Door, questions: FakeQuestions):
    questions.refusal = ServiceAway("The vm-service is not there.")

    answer = await door.client.get(PATH, headers=door.bearer())

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
