"""What the handlers of webhooks promise whatever happens in between."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.endpoint import Endpoint
from gateway.domain.endpoint_checks import PLAIN, Checks
from gateway.domain.endpoint_refusals import EndpointRefused
from gateway.domain.endpoint_terms import Terms
from gateway.domain.errors import Fault
from gateway.handlers import webhook_creation, webhook_trials, webhooks
from gateway.handlers.webhook_creation import Wish
from gateway.handlers.webhooks import Asked
from gateway.ports.records import RequestKey
from tests.fakes.gateway import MOMENT, USER, FakeSeals, FakeWork, PowerCut

TERMS = Terms(name="mine", url="https://hooks.example/", headers={"X-A": "1"})
WISH = Wish(
    terms=TERMS, owner_id=USER.id, key=RequestKey(scope="usr_1 POST", key="k", body_hash="h")
)


async def create(work: FakeWork, wish: Wish = WISH, *, checks: Checks = PLAIN) -> Endpoint:
    made = await webhook_creation.create(
        wish, checks=checks, seals=FakeSeals(), work=work, at=MOMENT
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
            checks=PLAIN,
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


async def test_what_the_lists_of_others_refuse_is_named_with_the_rest() -> None:
    work = FakeWork()
    checks = Checks(
        url=lambda _: "leads to a private network",
        headers=lambda sent: [Fault(f"/{name}", "is not for you to set") for name in sent],
    )

    with pytest.raises(EndpointRefused) as refused:
        await create(work, checks=checks)

    assert refused.value.faults == (
        Fault("/url", "leads to a private network"),
        Fault("/headers/X-A", "is not for you to set"),
    )
    assert not work.endpoints.rows
    assert not work.request_keys.rows


async def test_a_url_that_passed_is_not_held_against_other_changes() -> None:
    work = FakeWork()
    endpoint = await create(work)
    stricter = Checks(url=lambda _: "is not allowed any more", headers=lambda _: ())

    changed = await webhooks.change(
        Asked(id=endpoint.id, user=USER),
        lambda terms: replace(terms, enabled=False),
        checks=stricter,
        seals=FakeSeals(),
        work=work,
        at=MOMENT,
    )

    assert not changed.enabled


async def test_no_text_of_an_endpoint_shows_its_url_or_headers() -> None:
    endpoint = await create(FakeWork())

    assert "hooks.example" not in repr(endpoint) + repr(WISH)
    assert "X-A" not in repr(endpoint) + repr(WISH)
