"""What the gateway does when somebody wants to see an event arrive without waiting for one."""

from dataclasses import dataclass
from datetime import datetime

from common.contracts.public_events import CATALOGUE
from gateway.domain import examples
from gateway.domain.endpoint_checks import unknown_type
from gateway.domain.endpoint_refusals import EndpointDisabled, UnknownEventType
from gateway.domain.errors import Fault
from gateway.domain.publicity import PING
from gateway.handlers.webhooks import Asked, own
from gateway.ports.work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An event that is on its way to one endpoint."""

    event_id: str
    type: str


async def ping(asked: Asked, *, work: UnitOfWork, at: datetime) -> Sent:
    """Send an event that says nothing but that events arrive."""
    return await send_example(asked, PING, work=work, at=at)


async def send_example(asked: Asked, type: str, *, work: UnitOfWork, at: datetime) -> Sent:
    """Send an example of a type, whatever the endpoint has chosen to hear of."""
    if type not in CATALOGUE:
        raise UnknownEventType(
            "There is no event of this type.",
            remedy="See GET /v1/event-types for the types.",
            faults=(Fault("/type", unknown_type(type)),),
        )
    async with work() as tx:
        # Held: nothing is told for an endpoint that is being removed.
        endpoint = own(await tx.endpoints.hold(asked.id), asked)
        if not endpoint.enabled:
            raise EndpointDisabled(
                "Nothing is sent to a webhook that is disabled.",
                remedy="Enable it first: PATCH it with enabled: true.",
            )
        ids = await tx.public_events.add(examples.example(type, endpoint=endpoint, at=at))
    return Sent(event_id=ids[0], type=type)
