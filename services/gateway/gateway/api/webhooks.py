"""``/v1/webhooks``: where your events are sent to.

A change says which state it changes: ``If-Match``, with the ``ETag`` of what was read.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Response, status

from common.contracts.base import now
from gateway.api.dependencies import Authenticated, Caller, Gateway, Parts, only_admins
from gateway.api.idempotency import IdempotencyKey, request_key
from gateway.api.pages import ULID, Limit, next_cursor, page
from gateway.api.webhook_views import KeyedWebhookView, SentView, Webhooks, WebhookView
from gateway.api.webhook_wishes import ExampleWish, Rotation, WebhookChange, WebhookWish
from gateway.domain.endpoint_refusals import RevisionMissing
from gateway.handlers import webhook_creation, webhook_trials, webhooks
from gateway.handlers.webhook_creation import Wish
from gateway.handlers.webhooks import Asked, tag_of

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

WebhookId = Annotated[str, Path(pattern=f"^whk_{ULID}$")]
AfterWebhook = Annotated[str | None, Query(pattern=f"^whk_{ULID}$")]
IfMatch = Annotated[str | None, Header(max_length=200, description="An ETag, or *")]
Scope = Annotated[
    Literal["mine", "everybody"], Query(description="Those for everybody's events: administrators")
]


@dataclass(frozen=True, slots=True)
class Door:
    """Who asks for what of which webhook: what most routes of this module have in common."""

    asked: Asked
    gateway: Parts


def door(id: WebhookId, caller: Caller, gateway: Gateway) -> Door:
    """Say what is asked for."""
    return Door(Asked(id=id, user=caller.user), gateway)


Here = Annotated[Door, Depends(door)]


def changing(here: Here, if_match: IfMatch = None) -> Door:
    """Say of which state of it something is asked."""
    return replace(here, asked=replace(here.asked, tags=if_match))


Changing = Annotated[Door, Depends(changing)]


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_webhook(
    body: WebhookWish,
    caller: Caller,
    gateway: Gateway,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> KeyedWebhookView:
    """Set a webhook up; a `webhook.ping` is sent at once. Keep ``secret``: it is shown now only."""
    route = f"POST {router.prefix}"
    wish = Wish(
        terms=body.terms(),
        owner_id=_owner(body.scope, caller),
        scheme=body.scheme,
        key=request_key(idempotency_key, body, route=route, caller=caller, gateway=gateway),
    )
    keyed = await webhook_creation.create(
        wish, allowance=gateway.allowance, seals=gateway.seals, work=gateway.work, at=now()
    )
    response.headers["Location"] = f"{router.prefix}/{keyed.endpoint.id}"
    response.headers["ETag"] = tag_of(keyed.endpoint)
    return KeyedWebhookView.with_key(keyed)


@router.get("")
async def list_webhooks(
    caller: Caller,
    gateway: Gateway,
    scope: Scope = "mine",
    limit: Limit = 50,
    after: AfterWebhook = None,
) -> Webhooks:
    """List your webhooks, or those for everybody's events, newest first."""
    found = await webhooks.endpoints_of(
        _owner(scope, caller), page=page(limit=limit, after=after), work=gateway.work
    )
    return Webhooks(
        items=[WebhookView.of(endpoint) for endpoint in found[:limit]],
        next_cursor=next_cursor(found, limit=limit),
    )


def _owner(scope: Literal["mine", "everybody"], caller: Authenticated) -> str | None:
    if scope == "mine":
        return caller.user_id
    only_admins(caller)
    return None


@router.get("/{id}")
async def get_webhook(here: Here, response: Response) -> WebhookView:
    """Return one webhook; its ``ETag`` goes into ``If-Match`` of a change."""
    endpoint = await webhooks.get(here.asked, work=here.gateway.work)
    response.headers["ETag"] = tag_of(endpoint)
    return WebhookView.of(endpoint)


@router.patch("/{id}")
async def change_webhook(here: Changing, body: WebhookChange, response: Response) -> WebhookView:
    """Change what is sent, where to and how; null goes back to the default. Needs ``If-Match``."""
    if here.asked.tags is None:
        raise RevisionMissing(
            "A change of a webhook must say which state of it is changed.",
            remedy="Send If-Match with the ETag of GET /v1/webhooks/{id}; * changes any.",
        )
    endpoint = await webhooks.change(
        here.asked,
        body.onto,
        allowance=here.gateway.allowance,
        seals=here.gateway.seals,
        work=here.gateway.work,
        at=now(),
    )
    response.headers["ETag"] = tag_of(endpoint)
    return WebhookView.of(endpoint)


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT)
async def remove_webhook(here: Changing) -> None:
    """Remove a webhook: nothing is sent there any more. ``If-Match`` is honoured, not needed."""
    await webhooks.remove(here.asked, work=here.gateway.work)


@router.post("/{id}/secret/rotate")
async def rotate_secret(
    here: Changing, response: Response, body: Rotation | None = None
) -> KeyedWebhookView:
    """Sign with a new secret, shown now only; the former ones sign on for a while."""
    said = body or Rotation()
    keyed = await webhooks.rotate(
        here.asked,
        said.scheme,
        overlap=timedelta(hours=said.overlap_hours),
        seals=here.gateway.seals,
        work=here.gateway.work,
        at=now(),
    )
    response.headers["ETag"] = tag_of(keyed.endpoint)
    return KeyedWebhookView.with_key(keyed)


@router.post("/{id}/ping", status_code=status.HTTP_202_ACCEPTED)
async def ping_webhook(here: Here) -> SentView:
    """Send a `webhook.ping`, to see that events arrive."""
    sent = await webhook_trials.ping(here.asked, work=here.gateway.work, at=now())
    return SentView.model_validate(sent)


@router.post("/{id}/example", status_code=status.HTTP_202_ACCEPTED)
async def send_example(here: Here, body: ExampleWish) -> SentView:
    """Send an example of a type of event, marked as such, past types and filter."""
    sent = await webhook_trials.send_example(
        here.asked, body.type, work=here.gateway.work, at=now()
    )
    return SentView.model_validate(sent)
