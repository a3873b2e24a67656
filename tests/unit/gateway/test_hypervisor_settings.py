"""The hypervisor's settings at the door: for administrators, checked by field, never told back."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from common.messaging.ask import Refusal
from gateway.adapters.questions import refusal_of
from gateway.domain.administration import ServiceAway
from gateway.domain.user import Role
from tests.fakes.gateway import USER
from tests.fakes.questions import FakeQuestions
from tests.unit.gateway.door import Door, open_door

PATH = "/v1/settings/hypervisor"
CANARY = "canary-5d1c-secret"
GOOD: dict[str, Any] = {
    "url": "https://pve.example:8006",
    "token_id": "spawnyard@pve!yard",
    "token_secret": CANARY,
    "networks": [{"gateway": "10.77.0.1"}],
}


@pytest.fixture
def questions() -> FakeQuestions:
    return FakeQuestions()


@pytest.fixture
async def door(questions: FakeQuestions) -> AsyncGenerator[Door]:
    async with open_door(questions) as door:
        yield door


async def test_what_was_put_is_what_is_got_but_for_the_secret(
    door: Door, questions: FakeQuestions
) -> None:
    headers = door.bearer()
    before = (await door.client.get(PATH, headers=headers)).json()
    put = await door.client.put(PATH, json=GOOD, headers=headers)
    after = (await door.client.get(PATH, headers=headers)).json()

    assert before == {"source": "none", "revision": 0, "settings": None}
    assert put.status_code == 200
    assert put.json()["diagnosis"]["healthy"] is True
    assert {name: put.json()[name] for name in after} == after
    assert (after["source"], after["revision"]) == ("stored", 1)
    assert after["settings"]["token_secret"] == "set"
    assert after["settings"]["networks"][0]["gateway"] == "10.77.0.1"
    assert questions.stored is not None
    assert questions.stored.token_secret is not None
    assert questions.stored.token_secret.startswith("sealed:")


async def test_the_secret_is_nowhere_but_in_the_envelope(
    door: Door, questions: FakeQuestions, caplog: pytest.LogCaptureFixture
) -> None:
    headers = door.bearer()
    answers = [
        await door.client.put(PATH, json=GOOD, headers=headers),
        await door.client.post(f"{PATH}/test", json=GOOD, headers=headers),
        await door.client.put(PATH, json=GOOD | {"pool": "/"}, headers=headers),
        await door.client.put(PATH, json=GOOD | {"token_secret": f"{CANARY} "}, headers=headers),
        await door.client.put(PATH, json=GOOD | {"token_secret": [CANARY]}, headers=headers),
        await door.client.get(PATH, headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 422, 422, 422, 200]
    assert CANARY not in "".join(answer.text for answer in answers)
    assert CANARY.encode() not in b"".join(body for _, body in questions.asked)
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"url": "http://pve"}, "/url"),
        ({"token_id": "root"}, "/token_id"),
        ({"token_secret": "sealed:v1:x"}, "/token_secret"),
        ({"token_secret": ""}, "/token_secret"),
        ({"vmid_first": 500, "vmid_last": 499}, "/vmid_last"),
        ({"networks": [{"subnet": "10.0.0.0/8", "gateway": "11.0.0.1"}]}, "/networks/0/gateway"),
        ({"drained": ["../x"]}, "/drained/0"),
        ({"colour": "blue"}, "/colour"),
    ],
)
async def test_a_mistake_is_named_by_its_field(
    door: Door, questions: FakeQuestions, changed: dict[str, Any], pointer: str
) -> None:
    response = await door.client.put(PATH, json=GOOD | changed, headers=door.bearer())

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert not questions.asked


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("PUT", ""), ("POST", "/test"), ("GET", "/doctor")]
)
async def test_only_administrators_come_near(
    door: Door, questions: FakeQuestions, method: str, path: str
) -> None:
    body = GOOD if method != "GET" else None
    humble = replace(USER, id="usr_9", role=Role.USER)

    refused = await door.client.request(method, PATH + path, json=body, headers=door.bearer(humble))
    unknown = await door.client.request(method, PATH + path, json=body)

    assert (refused.status_code, refused.json()["code"]) == (403, "admin_only")
    assert unknown.status_code == 401
    assert not questions.asked


async def test_settings_can_be_tried_without_storing_them(
    door: Door, questions: FakeQuestions
) -> None:
    tried = await door.client.post(f"{PATH}/test", json=GOOD, headers=door.bearer())
    own = await door.client.post(f"{PATH}/test", headers=door.bearer())
    doctor = await door.client.get(f"{PATH}/doctor", headers=door.bearer())

    for response in (tried, own, doctor):
        assert response.status_code == 200
        assert response.json()["healthy"] is True
        assert response.json()["findings"][0]["title"] == "Proxmox answers"
    assert questions.stored is None


async def test_a_vm_service_that_is_away_is_told_as_such(
    door: Door, questions: FakeQuestions
) -> None:
    questions.refusal = ServiceAway("The vm-service is not there.")

    response = await door.client.get(PATH, headers=door.bearer())

    assert (response.status_code, response.json()["code"]) == (503, "service_away")
    assert response.headers["Retry-After"] == "5"


async def test_a_refusal_of_the_vm_service_keeps_its_field_and_remedy(
    door: Door, questions: FakeQuestions
) -> None:
    questions.refusal = refusal_of(
        Refusal(
            code="hypervisor_settings_refused",
            detail="Proxmox refused the token",
            remedy="pveum user token list spawnyard@pve",
            pointer="/token_secret",
        )
    )

    problem = (await door.client.put(PATH, json=GOOD, headers=door.bearer())).json()

    assert (problem["status"], problem["code"]) == (422, "hypervisor_settings_refused")
    assert problem["errors"] == [
        {"pointer": "/token_secret", "detail": "Proxmox refused the token"}
    ]
    assert problem["remedy"] == "pveum user token list spawnyard@pve"


async def test_a_fault_of_the_vm_service_is_not_the_clients(
    door: Door, questions: FakeQuestions
) -> None:
    questions.refusal = refusal_of(Refusal(code="internal_error", detail="its log says why"))

    response = await door.client.get(f"{PATH}/doctor", headers=door.bearer())

    assert (response.status_code, response.json()["code"]) == (502, "answer_failed")
