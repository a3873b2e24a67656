"""Webhook endpoints in SQL behave like their fake, on SQLite and PostgreSQL alike."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.contracts.ids import new_id
from common.security.addresses import Allowance
from gateway.domain.chat_formats import Format
from gateway.domain.endpoint import Endpoint, KeptKey
from gateway.domain.endpoint_refusals import RevisionStale, TooManyEndpoints
from gateway.domain.endpoint_terms import Terms
from gateway.domain.signing import Scheme
from gateway.handlers import webhook_creation, webhook_trials, webhooks
from gateway.handlers.webhook_creation import MOST, Wish
from gateway.handlers.webhooks import Asked
from gateway.ports.records import Page, RequestKey
from gateway.ports.work import UnitOfWork as AnyUnitOfWork
from tests.fakes.gateway import MOMENT, USER, FakeSeals
from tests.integration.gateway.works import InMemory, OnDatabases

pytestmark = pytest.mark.integration

TERMS = Terms(name="Grüße \u2028", url="https://hooks.example/x")
WHOLE = Endpoint(
    id=new_id("webhook"),
    owner_id="usr_1",
    name="Grüße \U0001f600",
    url="https://hooks.example/secret?a=%20",
    created_at=MOMENT,
    updated_at=MOMENT + timedelta(microseconds=1),
    format=Format.TELEGRAM,
    options={"chat_id": "@x"},
    types=("server.*", "operation.failed"),
    filter={"$or": [{"data.players": {"$gte": 1.5}}, {"data.x": None}, {"$not": {"a": True}}]},
    headers="sealed:x",
    keys=(
        KeptKey(scheme=Scheme.ED25519, sealed="sealed:y", created_at=MOMENT),
        KeptKey(scheme=Scheme.HMAC, sealed="sealed:z", created_at=MOMENT, expires_at=MOMENT),
    ),
    rate=0.5,
    max_in_flight=10,
    in_order=True,
    enabled=False,
    disabled_reason="410",
    failing_since=MOMENT,
    warned=70,
    revision=7,
)


def endpoint(**more: Any) -> Endpoint:
    made = Endpoint(
        id=new_id("webhook"), owner_id="usr_1", name="n", url="u",
        created_at=MOMENT, updated_at=MOMENT,
    )  # fmt: skip
    return replace(made, **more)


async def created(work: AnyUnitOfWork, **more: Any) -> Endpoint:
    wish = Wish(terms=TERMS, owner_id="usr_1", **more)
    made = await webhook_creation.create(
        wish, allowance=Allowance(), seals=FakeSeals(), work=work, at=MOMENT
    )
    return made.endpoint


class Behaviour:
    """What every memory promises."""

    async def test_an_endpoint_is_read_back_as_it_was_written(self, work: AnyUnitOfWork) -> None:
        changed = replace(WHOLE, enabled=True, disabled_reason=None, headers=None, keys=())

        async with work() as tx:
            await tx.endpoints.add(WHOLE)
            assert await tx.endpoints.find(WHOLE.id) == WHOLE
            assert await tx.endpoints.enabled(owners=["usr_1"]) == []
            await tx.endpoints.save(changed)

        async with work() as tx:
            assert await tx.endpoints.hold(WHOLE.id) == changed
            assert await tx.endpoints.enabled(owners=["usr_1"]) == [changed]
            assert await tx.endpoints.find("whk_0") is None

    async def test_an_owners_are_listed_newest_first_and_everybodys_apart(
        self, work: AnyUnitOfWork
    ) -> None:
        mine = [endpoint(id=f"whk_{n}") for n in range(5)]
        others = [endpoint(id="whk_7", owner_id="usr_2"), endpoint(id="whk_8", owner_id=None)]

        async with work() as tx:
            for one in mine + others:
                await tx.endpoints.add(one)

        async with work() as tx:
            first = await tx.endpoints.of_owner("usr_1", page=Page(limit=2))
            rest = await tx.endpoints.of_owner("usr_1", page=Page(limit=9, after="whk_3"))
            assert [one.id for one in first] == ["whk_4", "whk_3"]
            assert [one.id for one in rest] == ["whk_2", "whk_1", "whk_0"]
            assert await tx.endpoints.of_owner(None, page=Page(limit=9)) == [others[1]]
            assert [await tx.endpoints.count(owner) for owner in ("usr_1", None, "x")] == [5, 1, 0]

    async def test_events_are_sent_to_their_owners_everybodys_and_named_ones(
        self, work: AnyUnitOfWork
    ) -> None:
        async with work() as tx:
            for number, owner in enumerate(["usr_1", "usr_2", None, "usr_3", "usr_2"]):
                await tx.endpoints.add(endpoint(id=f"whk_{number}", owner_id=owner))
            await tx.endpoints.add(endpoint(id="whk_9", enabled=False))

        async def found(*owners: str, **more: Any) -> list[str]:
            async with work() as tx:
                return [one.id for one in await tx.endpoints.enabled(owners=owners, **more)]

        assert await found("usr_2", "usr_1") == ["whk_0", "whk_1", "whk_2", "whk_4"]
        assert await found("usr_1", ids=["whk_3", "whk_9", "whk_none"]) == [
            "whk_0", "whk_2", "whk_3",
        ]  # fmt: skip
        assert await found() == ["whk_2"]

    async def test_one_that_is_removed_is_gone_and_saving_it_brings_nothing_back(
        self, work: AnyUnitOfWork
    ) -> None:
        async with work() as tx:
            await tx.endpoints.add(WHOLE)
        async with work() as tx:
            await tx.endpoints.remove(WHOLE.id)
            await tx.endpoints.remove(WHOLE.id)
            await tx.endpoints.save(WHOLE)

        async with work() as tx:
            assert await tx.endpoints.find(WHOLE.id) is None

    async def test_of_many_at_once_none_gets_past_the_most(self, work: AnyUnitOfWork) -> None:
        async with work() as tx:
            for _ in range(MOST - 2):
                await tx.endpoints.add(endpoint())

        results = await asyncio.gather(*(created(work) for _ in range(6)), return_exceptions=True)

        refused = [result for result in results if isinstance(result, TooManyEndpoints)]
        assert len(refused) == 4
        async with work() as tx:
            assert await tx.endpoints.count("usr_1") == MOST

    async def test_asked_at_once_under_one_key_it_is_one(self, work: AnyUnitOfWork) -> None:
        key = RequestKey(scope="usr_1 POST", key="k", body_hash="h")

        found = await asyncio.gather(*(created(work, key=key) for _ in range(4)))

        assert len({one.id for one in found}) == 1
        async with work() as tx:
            assert len(await tx.public_events.number(limit=10)) == 1

    async def test_of_two_who_change_the_same_state_one_is_told(self, work: AnyUnitOfWork) -> None:
        made = await created(work)
        asked = Asked(id=made.id, user=USER, tags='"1"')

        results = await asyncio.gather(
            *(
                webhooks.change(
                    asked,
                    lambda terms, name=name: replace(terms, name=name),
                    allowance=Allowance(),
                    seals=FakeSeals(),
                    work=work,
                    at=MOMENT,
                )
                for name in ("a", "b")
            ),
            return_exceptions=True,
        )

        assert sum(isinstance(result, RevisionStale) for result in results) == 1
        assert sum(isinstance(result, Endpoint) for result in results) == 1

    async def test_an_events_id_is_told_to_who_adds_it(self, work: AnyUnitOfWork) -> None:
        made = await created(work)
        sent = await webhook_trials.ping(Asked(id=made.id, user=USER), work=work, at=MOMENT)

        async with work() as tx:
            _, published = await tx.public_events.number(limit=9)

        assert (published.id, published.type) == (sent.event_id, "webhook.ping")
        assert (published.only_for, published.sequence) == (made.id, 2)


class TestInMemory(InMemory, Behaviour):
    pass


class TestSql(OnDatabases, Behaviour):
    pass
