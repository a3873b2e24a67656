"""The headers that somebody may add to deliveries: a key for a proxy, say, or a route.

What frames a request, what says who sends it, and what the signature stands on is ours alone. Names
are tokens of RFC 9110; values are printable ASCII, so that none ends its line early.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from common.contracts.sealed import below
from gateway.domain.errors import Fault

MAX_HEADERS: Final = 20
MAX_NAME: Final = 100  # characters, as all that follow
MAX_VALUE: Final = 4_096
MAX_TOTAL: Final = 6_144  # many servers take 8 KiB of headers, ours among them

TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE: Final = re.compile(r"[!-~]([ \t!-~]*[!-~])?")

_FRAMING: Final = "it frames the request, which Spawnyard does"
_BODY: Final = "it describes the body, which is Spawnyard's"
_ANSWER: Final = "it changes how the answer comes, which Spawnyard has to read"
_ORIGIN: Final = "it says where the request comes from, and nobody may pretend that"

RESERVED: Final[Mapping[str, str]] = {
    "host": "it follows from the address",
    "user-agent": "receivers know Spawnyard by it",
    **dict.fromkeys(
        (
            "connection", "content-length", "expect", "http2-settings", "keep-alive", "te",
            "trailer", "transfer-encoding", "upgrade",
        ),
        _FRAMING,
    ),
    **dict.fromkeys(("content-encoding", "content-type"), _BODY),
    **dict.fromkeys(("accept-encoding", "range"), _ANSWER),
    **dict.fromkeys(("forwarded", "via", "x-real-ip"), _ORIGIN),
}  # fmt: skip
RESERVED_BEGINNINGS: Final[Mapping[str, str]] = {
    "proxy-": _FRAMING,
    "x-forwarded-": _ORIGIN,
    "webhook-": "receivers trust those that begin so: they are signed",
    "svix-": "some receivers read it in the place of the signed ones",
}


def faults(headers: Mapping[str, str]) -> Sequence[Fault]:
    """Return what keeps headers from being added, and what helps; never a value.

    The pointers lead into ``headers``: ``/X-Key``, or nothing for all of them together.
    """
    return (*_faults_of_all(headers), *_faults_of_each(headers))


def _faults_of_all(headers: Mapping[str, str]) -> Iterator[Fault]:
    if len(headers) > MAX_HEADERS:
        yield Fault("", f"are more than {MAX_HEADERS}: leave some out")
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_TOTAL:
        yield Fault("", f"have more than {MAX_TOTAL} characters altogether: shorten them")


def _faults_of_each(headers: Mapping[str, str]) -> Iterator[Fault]:
    seen: set[str] = set()
    for name, value in headers.items():
        detail = _lack_of_name(name, seen) or _lack_of_value(value)
        seen.add(name.lower())
        if detail:
            yield Fault(below("", name[:MAX_NAME]), detail)


def _lack_of_name(name: str, seen: set[str]) -> str | None:
    if len(name) > MAX_NAME:
        return f"is a name of more than {MAX_NAME} characters: shorten it"
    if not TOKEN.fullmatch(name):
        return "is no name of a header: use letters, digits and hyphens"
    if name.lower() in seen:
        return "stands there twice, for case does not matter: leave one out"
    reason = _reserved(name.lower())
    return f"cannot be set, for {reason}: leave it out" if reason else None


def _reserved(name: str) -> str | None:
    beginnings = (why for start, why in RESERVED_BEGINNINGS.items() if name.startswith(start))
    return RESERVED.get(name) or next(beginnings, None)


def _lack_of_value(value: str) -> str | None:
    if len(value) > MAX_VALUE:
        return f"has a value of more than {MAX_VALUE} characters: shorten it"
    if not VALUE.fullmatch(value):
        return (
            "has a value that no header can have: printable ASCII, with no space around it"
            " and no line break (encode anything else, by Base64 for example)"
        )
    return None
