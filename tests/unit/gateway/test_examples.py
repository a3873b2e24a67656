"""Examples of events: one for each type, true to its schema, for one endpoint alone."""

import jsonschema
import pytest

from common.contracts import public_events as public
from gateway.domain.chat_formats import Format, body_of
from gateway.domain.endpoint import Endpoint
from gateway.domain.examples import example, ping
from gateway.domain.publicity import envelope
from tests.fakes.gateway import MOMENT, FakePublicEvents

ENDPOINT = Endpoint(
    id="whk_01kabcdefghjkmnpqrstvwxyz0",
    owner_id="usr_1",
    name="mine",
    url="https://hooks.example/secret",
    created_at=MOMENT,
    updated_at=MOMENT,
)


@pytest.mark.parametrize("type", public.CATALOGUE)
async def test_each_type_has_an_example_that_its_schema_takes(type: str) -> None:
    events = FakePublicEvents()

    await events.add(example(type, endpoint=ENDPOINT, at=MOMENT))

    [published] = await events.number(limit=1)
    told = envelope(published).model_dump(mode="json", exclude_none=True)
    jsonschema.validate(told, public.schema(type))
    assert published.only_for == ENDPOINT.id
    assert told.get("example") is (None if type == "webhook.ping" else True)
    assert "hooks.example" not in str(told)
    assert isinstance(body_of(Format.DISCORD, told, {}), bytes)


async def test_a_ping_is_about_the_endpoint_itself() -> None:
    notice = ping(ENDPOINT, at=MOMENT)

    assert (notice.type, notice.subject_id, notice.owner_id) == (
        "webhook.ping",
        ENDPOINT.id,
        "usr_1",
    )
    assert notice.data.model_dump()["webhook"] == {"id": ENDPOINT.id, "name": "mine"}
