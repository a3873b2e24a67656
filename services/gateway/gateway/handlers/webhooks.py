"""What the gateway does when somebody looks at webhook endpoints, or changes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.security.addresses import Allowance
from gateway.domain.endpoint import Endpoint
from gateway.domain.endpoint_checks import check_terms
from gateway.domain.endpoint_health import disabled
from gateway.domain.endpoint_keys import rotated
from gateway.domain.endpoint_refusals import EndpointNotFound, EndpointRefused, RevisionStale
from gateway.domain.endpoint_terms import BY_A_PERSON, Terms, applied, strays, terms_of
from gateway.domain.errors import Fault
from gateway.domain.signing import Scheme, SigningKey
from gateway.domain.user import Role, User
from gateway.handlers.webhook_creation import Keyed
from gateway.handlers.webhook_seals import kept, sealed_headers
from gateway.ports.records import Page
from gateway.ports.seals import Seals
from gateway.ports.work import UnitOfWork, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Of which endpoint something is asked, by whom. ``tags``: If-Match; none: whatever it is."""

    id: str
    user: User
    tags: str | None = None


async def get(asked: Asked, *, work: UnitOfWork) -> Endpoint:
    """Return one. Raises ``EndpointNotFound``."""
    async with work() as tx:
        return own(await tx.endpoints.find(asked.id), asked)


async def endpoints_of(owner_id: str | None, *, page: Page, work: UnitOfWork) -> Sequence[Endpoint]:
    """Return an owner's, or everybody's, newest first."""
    async with work() as tx:
        return await tx.endpoints.of_owner(owner_id, page=page)


async def change(
    asked: Asked,
    alter: Callable[[Terms], Terms],
    *,
    allowance: Allowance,
    seals: Seals,
    work: UnitOfWork,
    at: datetime,
) -> Endpoint:
    """Change what people decide on. What is as it was leaves no trace, and no new revision."""
    async with work() as tx:
        endpoint = await _held(tx, asked)
        former = terms_of(endpoint)
        terms = alter(former)
        if terms == former:
            return endpoint
        check_terms(terms, allowance=allowance, former=former)
        if strays(endpoint, terms):
            raise EndpointRefused(
                "The custom headers were meant for another address.",
                remedy="Send headers along with the new url; null for none.",
                faults=(Fault("/headers", "must be sent again with a url of another host"),),
            )
        sealed = sealed_headers(endpoint, terms, seals=seals)
        changed = applied(endpoint, terms, headers=sealed, at=at)
        await tx.endpoints.save(changed)
        if former.enabled and not terms.enabled:
            told = disabled(endpoint, reason=BY_A_PERSON, at=at).notices
            await tx.public_events.add(*told)
    return changed


async def remove(asked: Asked, *, work: UnitOfWork) -> None:
    """Remove one: nothing is sent there any more, and what there is of it is forgotten in time."""
    async with work() as tx:
        endpoint = await _held(tx, asked)
        await tx.endpoints.remove(endpoint.id)


async def rotate(
    asked: Asked,
    scheme: Scheme | None,
    *,
    overlap: timedelta,
    seals: Seals,
    work: UnitOfWork,
    at: datetime,
) -> Keyed:
    """Sign with another key from now on, and with the former ones too until the overlap ends."""
    async with work() as tx:
        endpoint = await _held(tx, asked)
        key = SigningKey.fresh(scheme or endpoint.keys[0].scheme)
        fresh = kept(key, endpoint.id, seals=seals, at=at)
        changed = rotated(endpoint, fresh, overlap=overlap, at=at)
        await tx.endpoints.save(changed)
    return Keyed(endpoint=changed, key=key)


async def _held(tx: Work, asked: Asked) -> Endpoint:
    endpoint = own(await tx.endpoints.hold(asked.id), asked)
    tags = [tag.strip() for tag in (asked.tags or "*").split(",")]
    if "*" not in tags and tag_of(endpoint) not in tags:
        raise RevisionStale(
            "This webhook is not as it was when you read it.",
            remedy="Read it again, and send the ETag of that answer as If-Match.",
        )
    return endpoint


def tag_of(endpoint: Endpoint) -> str:
    """Return the ETag of an endpoint as it is."""
    return f'"{endpoint.revision}"'


def own(endpoint: Endpoint | None, asked: Asked) -> Endpoint:
    """Return the endpoint if it is the user's, or everybody's and the user an administrator."""
    if endpoint is not None:
        is_global = endpoint.owner_id is None and asked.user.role is Role.ADMIN
        if is_global or endpoint.owner_id == asked.user.id:
            return endpoint
    raise EndpointNotFound("You have no webhook of this id.", remedy="See GET /v1/webhooks.")
