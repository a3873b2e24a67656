"""Asking for servers: accepted once, checked first, traceless when refused."""

from dataclasses import replace

import pytest

from common.contracts.events import DeploymentRequested
from common.contracts.sealed import is_sealed
from gateway.domain.errors import (
    Fault,
    KeyReused,
    PlanTooSmall,
    Refused,
    SettingsRefused,
    UnknownGame,
    UnknownPlan,
)
from gateway.domain.game import Settings
from gateway.domain.operation import Operation
from gateway.domain.transitions import State
from gateway.handlers.deployments import Wish, request_deployment
from gateway.ports.records import RequestKey
from tests.fakes.gateway import MOMENT, FakeCatalogue, FakeSeals, FakeWork, PowerCut

CANARY = "canary-5e11"
KEY = RequestKey(scope="usr_1 POST", key="k1", body_hash="h1")
WISH = Wish(game="blocks", settings={"mode": "hard"})


async def ask(
    work: FakeWork,
    wish: Wish = WISH,
    *,
    key: RequestKey | None = KEY,
    owner: str = "usr_1",
    seals: FakeSeals | None = None,
) -> Operation:
    return await request_deployment(
        replace(wish, key=key),
        owner_id=owner,
        catalogue=FakeCatalogue(),
        seals=seals or FakeSeals(),
        work=work,
        at=MOMENT,
    )


async def test_a_deployment_is_accepted_and_asked_of_the_services() -> None:
    work = FakeWork()

    operation = await ask(work)

    (request,) = work.outbox.of(DeploymentRequested)
    assert isinstance(request, DeploymentRequested)
    assert operation.state is State.QUEUED
    assert work.operations.rows == {operation.id: operation}
    assert work.servers.rows[operation.server_id].operation_id == operation.id
    assert request.operation_id == operation.id
    assert request.spec.settings == {"motd": "Hello", "mode": "hard", "password": ""}
    assert request.spec.plan.name == "recommended"
    assert request.deadline == operation.deadline
    assert work.outbox.texts()[0].startswith("Deployment of blocks-")


async def test_asking_twice_under_one_key_is_asking_once() -> None:
    work = FakeWork()

    first = await ask(work)
    second = await ask(work)

    assert first == second
    assert len(work.servers.rows) == len(work.outbox.of(DeploymentRequested)) == 1


async def test_asking_without_a_key_is_asking_anew() -> None:
    work = FakeWork()

    assert await ask(work, key=None) != await ask(work, key=None)


async def test_a_key_used_for_something_else_is_refused() -> None:
    work = FakeWork()
    await ask(work)

    with pytest.raises(KeyReused):
        await ask(work, key=RequestKey(scope=KEY.scope, key=KEY.key, body_hash="h2"))

    assert len(work.servers.rows) == 1


async def test_two_users_may_use_the_same_key() -> None:
    work = FakeWork()
    theirs = RequestKey(scope="usr_2 POST", key=KEY.key, body_hash=KEY.body_hash)

    mine = await ask(work)
    other = await ask(work, key=theirs, owner="usr_2")

    assert other.id != mine.id
    assert other.owner_id == "usr_2"


@pytest.mark.parametrize(
    ("wish", "refusal", "pointer"),
    [
        (Wish(game="chess", settings={}), UnknownGame, "/game"),
        (Wish(game="blocks", settings={}, plan="huge"), UnknownPlan, "/plan"),
        (Wish(game="giant", settings={}, plan="medium"), PlanTooSmall, "/plan"),
        (Wish(game="blocks", settings={"mode": "odd"}), SettingsRefused, "/settings/mode"),
    ],
)
async def test_a_wish_that_cannot_be_met_leaves_no_trace(
    wish: Wish, refusal: type[Refused], pointer: str
) -> None:
    work = FakeWork()

    with pytest.raises(refusal) as refused:
        await ask(work, wish)

    assert [fault.pointer for fault in refused.value.faults] == [pointer]
    assert not work.operations.rows
    assert not work.request_keys.rows
    assert not work.outbox.messages
    assert await ask(work)


async def test_cut_before_the_commit_nothing_has_happened_and_asking_again_works() -> None:
    work = FakeWork(cut="before commit")

    with pytest.raises(PowerCut):
        await ask(work)

    assert not work.operations.rows
    assert not work.outbox.messages
    assert await ask(work)


async def test_cut_after_the_commit_asking_again_finds_the_same_deployment() -> None:
    work = FakeWork(cut="after commit")

    with pytest.raises(PowerCut):
        await ask(work)
    again = await ask(work)

    assert list(work.operations.rows) == [again.id]


async def test_no_secret_is_kept_or_said() -> None:
    work = FakeWork()
    settings: Settings = {
        "password": CANARY,
        "keys": [CANARY, CANARY + "2"],
        "world": {"seed": 1, "pin": 19_283_746},
    }

    operation = await ask(work, Wish(game="blocks", settings=settings))

    kept = repr((work.operations, work.servers, work.request_keys, work.outbox))
    assert "canary" not in kept
    assert "19283746" not in kept
    assert is_sealed(operation.spec.settings["password"])
    assert settings["password"] == CANARY, "what was asked is not changed"


async def test_each_secret_is_sealed_for_its_server_and_field() -> None:
    seals = FakeSeals()
    wish = Wish(
        game="blocks",
        settings={"password": CANARY, "keys": ["k0", "k1"], "world": {"seed": 1, "pin": 7}},
    )

    operation = await ask(FakeWork(), wish, seals=seals)

    assert {(data, pointer) for data, _, pointer in seals.made} == {
        (b'"canary-5e11"', "/password"),
        (b'"k0"', "/keys/0"),
        (b'"k1"', "/keys/1"),
        (b"7", "/world/pin"),
    }
    assert {server_id for _, server_id, _ in seals.made} == {operation.server_id}


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"motd": "sealed:v1:x"}, "/settings/motd"),
        ({"password": "sealed:"}, "/settings/password"),
        ({"keys": ["a", "sealed:fake:1"]}, "/settings/keys/1"),
    ],
)
async def test_nobody_can_smuggle_an_envelope_in(settings: Settings, pointer: str) -> None:
    work = FakeWork()

    with pytest.raises(SettingsRefused) as refused:
        await ask(work, Wish(game="blocks", settings=settings))

    assert Fault(pointer, "must not begin with sealed:") in refused.value.faults
    assert not work.outbox.messages
