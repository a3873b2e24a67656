"""Webhooks as their owner sees them. No secret is shown but one that was made just now."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from common.contracts.base import now
from gateway.domain.chat_formats import Format
from gateway.domain.endpoint import Endpoint
from gateway.domain.endpoint_keys import signing
from gateway.domain.signing import Scheme
from gateway.handlers.webhook_creation import Keyed


class SigningKeyView(BaseModel):
    """A key that signs each delivery, until it expires; the newest does not."""

    model_config = ConfigDict(from_attributes=True)

    scheme: Scheme
    created_at: datetime
    expires_at: datetime | None


class WebhookView(BaseModel):
    """A webhook. ``headers`` tells that there are some, and nothing of them.

    ``disabled_reason``: why nothing is sent. ``failing_since``: when the first delivery failed
    that none has succeeded after. ``revision``: counts its changes by people; the ETag.
    """

    id: str
    scope: Literal["mine", "everybody"]
    name: str
    url: str
    format: Format
    options: dict[str, str]
    types: list[str]
    filter: dict[str, JsonValue]
    headers: Literal["set"] | None
    rate: float | None
    max_in_flight: int
    in_order: bool
    enabled: bool
    disabled_reason: str | None
    failing_since: datetime | None
    signing_keys: list[SigningKeyView] = Field(description="The newest first")
    revision: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, endpoint: Endpoint) -> "WebhookView":
        """Show an endpoint."""
        return cls(
            id=endpoint.id,
            scope="mine" if endpoint.owner_id else "everybody",
            name=endpoint.name,
            url=endpoint.url,
            format=endpoint.format,
            options=dict(endpoint.options),
            types=list(endpoint.types),
            filter=dict(endpoint.filter),
            headers="set" if endpoint.headers else None,
            rate=endpoint.rate,
            max_in_flight=endpoint.max_in_flight,
            in_order=endpoint.in_order,
            enabled=endpoint.enabled,
            disabled_reason=endpoint.disabled_reason,
            failing_since=endpoint.failing_since,
            signing_keys=[
                SigningKeyView.model_validate(key) for key in signing(endpoint, at=now())
            ],
            revision=endpoint.revision,
            created_at=endpoint.created_at,
            updated_at=endpoint.updated_at,
        )


class KeyedWebhookView(WebhookView):
    """A webhook and its newest secret: this is the one time that it is shown.

    ``secret``: `whsec_…` for `v1`; for `v1a` the public key, `whpk_…`. It is null where the
    request was repeated under its Idempotency-Key: if the first answer was lost, rotate.
    """

    secret: str | None

    @classmethod
    def with_key(cls, keyed: Keyed) -> "KeyedWebhookView":
        """Show an endpoint and the key made just now."""
        secret = keyed.key.shown if keyed.key else None
        return cls(**dict(WebhookView.of(keyed.endpoint)), secret=secret)


class Webhooks(BaseModel):
    """A page of webhooks, newest first."""

    items: list[WebhookView]
    next_cursor: str | None


class SentView(BaseModel):
    """An event that is on its way to this webhook alone. ``event_id``: its `webhook-id`."""

    model_config = ConfigDict(from_attributes=True)

    event_id: str
    type: str
