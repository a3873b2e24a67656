"""What people decide on about a webhook endpoint, and how it changes by that."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from pydantic import JsonValue

from gateway.domain.chat_formats import Format
from gateway.domain.endpoint import Endpoint

BY_A_PERSON: Final = "Somebody who may do so disabled it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What people decide on. ``headers``: as they came; none: those kept already, sealed, stay."""

    name: str
    url: str = field(repr=False)
    format: Format = Format.STANDARD
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    types: tuple[str, ...] = ()
    filter: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    headers: Mapping[str, str] | None = field(default_factory=dict[str, str], repr=False)
    rate: float | None = None
    max_in_flight: int = 2
    in_order: bool = False
    enabled: bool = True


def terms_of(endpoint: Endpoint) -> Terms:
    """Return what was decided on."""
    return Terms(
        name=endpoint.name,
        url=endpoint.url,
        format=endpoint.format,
        options=endpoint.options,
        types=endpoint.types,
        filter=endpoint.filter,
        headers=None,
        rate=endpoint.rate,
        max_in_flight=endpoint.max_in_flight,
        in_order=endpoint.in_order,
        enabled=endpoint.enabled,
    )


def strays(endpoint: Endpoint, terms: Terms) -> bool:
    """Tell whether kept headers, which may be secrets, would go where they were not meant for."""
    kept = endpoint.headers is not None and terms.headers is None
    return kept and urlsplit(endpoint.url)[:2] != urlsplit(terms.url)[:2]


def applied(endpoint: Endpoint, terms: Terms, *, headers: str | None, at: datetime) -> Endpoint:
    """Return the endpoint by other terms, ``headers`` sealed already; its revision counts on.

    Another address, or being enabled again, is a fresh start: what failed before is forgotten.
    """
    changed = replace(
        endpoint,
        name=terms.name,
        url=terms.url,
        format=terms.format,
        options=terms.options,
        types=tuple(dict.fromkeys(terms.types)),
        filter=terms.filter,
        headers=headers,
        rate=terms.rate,
        max_in_flight=terms.max_in_flight,
        in_order=terms.in_order,
        enabled=terms.enabled,
        updated_at=at,
        revision=endpoint.revision + 1,
    )
    if terms.enabled != endpoint.enabled:
        changed = replace(changed, disabled_reason=None if terms.enabled else BY_A_PERSON)
    if terms.url != endpoint.url or (terms.enabled and not endpoint.enabled):
        changed = replace(changed, failing_since=None, warned=0)
    return changed
