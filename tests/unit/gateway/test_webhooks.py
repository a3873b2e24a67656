"""What the handlers of webhooks promise whatever happens in between."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.security.addresses import Allowance
from gateway.domain.endpoint import Endpoint
from gateway.domain.endpoint_refusals import EndpointRefused
from gateway.domain.endpoint_terms import Terms
from gateway.handlers import webhook_creation, webhook_trials, webhooks
from gateway.handlers.webhook_creation import Wish
from gateway.handlers.webhooks import Asked
from gateway.ports.records import RequestKey
from tests.fakes.gateway import MOMENT, USER, FakeSeals, FakeWork, PowerCut

TERMS = Terms(name="mine", url="https://hooks.example/", headers={"X-A": "1"})
PUBLIC = Allowance()
WISH = Wish(
    terms=TERMS, owner_id=USER.id, key=RequestKey(scope="usr_1 POST", key="k", body_hash="h")
)


async def create(work: FakeWork, wish: Wish = WISH, *, allowance: Allowance = PUBLIC) -> Endpoint:
    made = await webhook_creation.create(
        wish, allowance=allowance, seals=FakeSeals(), work=work, at=MOMENT
    )
    return made.endpoint


@pytest.mark.parametrize("cut", ["before commit", "after commit"])
async def test_a_creation_cut_anywhere_is_one_webhook_and_one_ping(cut: str) -> None:
    work = FakeWork(cut=cut)

    with pytest.raises(PowerCut):
        await create(work)
    endpoint = await create(work)

    assert list(work.endpoints.rows) == [endpoint.id]
    assert work.public_events.types() == ["webhook.ping"]


@pytest.mark.parametrize("cut", ["before commit", "after commit"])
@pytest.mark.parametrize("what", ["change", "rotate", "remove", "ping"])
async def test_what_is_cut_happens_as_a_whole_or_not_at_all(cut: str, what: str) -> None:
    work = FakeWork()
    endpoint = await create(work)
    asked = Asked(id=endpoint.id, user=USER)
    calls: dict[str, Any] = {
        "change": lambda: webhooks.change(
            asked,
            lambda terms: replace(terms, name="other"),
            allowance=PUBLIC,
            seals=FakeSeals(),
            work=work,
            at=MOMENT,
        ),
        "rotate": lambda: webhooks.rotate(
            asked, None, overlap=timedelta(hours=1), seals=FakeSeals(), work=work, at=MOMENT
        ),
        "remove": lambda: webhooks.remove(asked, work=work),
        "ping": lambda: webhook_trials.ping(asked, work=work, at=MOMENT),
    }
    before = (dict(work.endpoints.rows), work.public_events.types())
    work.cut = cut

    with pytest.raises(PowerCut):
        await calls[what]()

    after = (dict(work.endpoints.rows), work.public_events.types())
    assert (after == before) is (cut == "before commit")


async def test_what_may_not_be_sent_or_sent_to_is_named_at_once_and_leaves_no_trace() -> None:
    work = FakeWork()
    terms = replace(TERMS, url="https://10.0.0.9/", headers={"Host": "x"})

    with pytest.raises(EndpointRefused) as refused:
        await create(work, replace(WISH, terms=terms))

    assert [fault.pointer for fault in refused.value.faults] == ["/url", "/headers/Host"]
    assert not work.endpoints.rows
    assert not work.request_keys.rows


async def test_a_url_that_passed_is_not_held_against_other_changes() -> None:
    work = FakeWork()
    endpoint = await create(work)
    stricter = Allowance(closed=(("hooks.example", 443),))

    changed = await webhooks.change(
        Asked(id=endpoint.id, user=USER),
        lambda terms: replace(terms, enabled=False),
        allowance=stricter,
        seals=FakeSeals(),
        work=work,
        at=MOMENT,
    )

    assert not changed.enabled


async def test_no_text_of_an_endpoint_shows_its_url_or_headers() -> None:
    endpoint = await create(FakeWork())

    assert "hooks.example" not in repr(endpoint) + repr(WISH)
    assert "X-A" not in repr(endpoint) + repr(WISH)
