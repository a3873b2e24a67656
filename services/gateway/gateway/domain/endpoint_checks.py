"""What a webhook endpoint must pass before anything is sent to it: its URL, its headers, the rest.

The check of the URL here is a courtesy: what counts is the one at each delivery, of the address
that is connected to.
"""

import json
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from common.contracts.public_events import CATALOGUE
from common.security.addresses import Allowance
from gateway.domain import custom_headers, event_filter
from gateway.domain.chat_formats import OPTIONS
from gateway.domain.endpoint_refusals import EndpointRefused
from gateway.domain.endpoint_terms import Terms
from gateway.domain.errors import Fault
from gateway.domain.subscription import ALL_OF
from gateway.domain.target import complaint

LONGEST_FILTER: Final = 8192  # characters of its JSON
LONGEST_OPTION: Final = 200
_GROUPS: Final = tuple(dict.fromkeys(f"{name.rpartition('.')[0]}{ALL_OF}" for name in CATALOGUE))


def check_terms(terms: Terms, *, allowance: Allowance, former: Terms | None = None) -> None:
    """Raise ``EndpointRefused`` with all that is wrong. What is as in ``former`` passed before."""
    wrong = list(_faults(terms, allowance, former))
    if wrong:
        raise EndpointRefused(
            "Some parts of the webhook are not as they must be.",
            remedy="Correct what errors name; nothing has been stored.",
            faults=tuple(wrong),
        )


def _faults(terms: Terms, allowance: Allowance, former: Terms | None) -> Iterator[Fault]:
    is_new = former is None or terms.url != former.url
    if is_new and (lack := complaint(terms.url, allowance=allowance)):
        yield Fault("/url", lack)
    yield from _types(terms.types)
    yield from _filter(terms)
    yield from _options(terms)
    for fault in custom_headers.faults(terms.headers or {}):
        yield Fault(f"/headers{fault.pointer}", fault.detail)


def _types(types: Sequence[str]) -> Iterator[Fault]:
    for index, name in enumerate(types):
        if name not in CATALOGUE and name not in _GROUPS:
            yield Fault(f"/types/{index}", unknown_type(name, among=(*CATALOGUE, *_GROUPS)))


def unknown_type(type: str, *, among: Sequence[str] = tuple(CATALOGUE)) -> str:
    """Say that there is no such type, and which come nearest."""
    near = get_close_matches(type, among, n=3, cutoff=0.5)
    meant = f"; is it {' or '.join(near)}?" if near else "; GET /v1/event-types lists all"
    return f"is no type of event{meant}"


def _filter(terms: Terms) -> Iterator[Fault]:
    if len(json.dumps(terms.filter)) > LONGEST_FILTER:
        yield Fault("/filter", f"has more than {LONGEST_FILTER} characters")
        return
    for fault in event_filter.faults(terms.filter):
        yield Fault(f"/filter{fault.pointer}", fault.detail)


def _options(terms: Terms) -> Iterator[Fault]:
    known = OPTIONS.get(terms.format, {})
    for name, meaning in known.items():
        if name not in terms.options:
            yield Fault(f"/options/{name}", f"{terms.format} needs it: {meaning}")
    for name, value in terms.options.items():
        if name not in known:
            yield Fault(f"/options/{_printable(name)}", f"is no option of {terms.format}")
        elif not value or len(value) > LONGEST_OPTION or not value.isprintable():
            yield Fault(f"/options/{name}", f"must have 1 to {LONGEST_OPTION} printable characters")


def _printable(name: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in name[:80])
    return shown.replace("~", "~0").replace("/", "~1")
