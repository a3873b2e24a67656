"""What the gateway does when somebody sets a webhook endpoint up."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from common.contracts.ids import new_id
from common.security.addresses import Allowance
from gateway.domain import examples
from gateway.domain.endpoint import Endpoint
from gateway.domain.endpoint_checks import check_terms
from gateway.domain.endpoint_refusals import EndpointNotFound, TooManyEndpoints
from gateway.domain.endpoint_terms import Terms, applied
from gateway.domain.errors import KeyReused
from gateway.domain.signing import Scheme, SigningKey
from gateway.handlers.webhook_seals import kept, sealed_headers
from gateway.ports.records import RequestKey
from gateway.ports.seals import Seals
from gateway.ports.work import UnitOfWork, Work

MOST: Final = 50  # endpoints of one user; as many that are everybody's


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An endpoint that somebody asks for. ``owner_id`` none: for everybody's events."""

    terms: Terms
    owner_id: str | None
    scheme: Scheme = Scheme.HMAC
    key: RequestKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """An endpoint, and its newest key if this is the one time that it is shown."""

    endpoint: Endpoint
    key: SigningKey | None


async def create(
    wish: Wish, *, allowance: Allowance, seals: Seals, work: UnitOfWork, at: datetime
) -> Keyed:
    """Set an endpoint up and ping it. Asked again under the same key, it is the same endpoint."""
    check_terms(wish.terms, allowance=allowance)
    key = SigningKey.fresh(wish.scheme)
    endpoint = _endpoint(wish, key, seals=seals, at=at)
    async with work() as tx:
        if wish.key and not await tx.request_keys.claim(wish.key, operation_id=endpoint.id, at=at):
            return Keyed(endpoint=await _created_before(tx, wish.key), key=None)
        if await tx.endpoints.count(wish.owner_id) >= MOST:
            raise TooManyEndpoints(
                f"There are {MOST} webhooks already, which is the most.",
                remedy="Remove one that is needed no more, or let one hear of more events.",
            )
        await tx.endpoints.add(endpoint)
        if endpoint.enabled:
            await tx.public_events.add(examples.ping(endpoint, at=at))
    return Keyed(endpoint=endpoint, key=key)


def _endpoint(wish: Wish, key: SigningKey, *, seals: Seals, at: datetime) -> Endpoint:
    terms = wish.terms
    bare = Endpoint(
        id=new_id("webhook"),
        owner_id=wish.owner_id,
        name=terms.name,
        url=terms.url,
        created_at=at,
        updated_at=at,
        revision=0,
    )
    made = applied(bare, terms, headers=sealed_headers(bare, terms, seals=seals), at=at)
    return replace(made, keys=(kept(key, bare.id, seals=seals, at=at),))


async def _created_before(tx: Work, key: RequestKey) -> Endpoint:
    taken = await tx.request_keys.find(key)
    if taken is None or taken[0] != key.body_hash:
        raise KeyReused(
            "The Idempotency-Key came before with a different body.",
            remedy="Send the same body again, or use a new key.",
        )
    endpoint = await tx.endpoints.find(taken[1])
    if endpoint is None:
        raise EndpointNotFound(
            "The webhook created under this Idempotency-Key has been removed since.",
            remedy="Use a new key to create another.",
        )
    return endpoint
