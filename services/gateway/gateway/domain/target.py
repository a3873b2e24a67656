"""Where a webhook may go: one reading of a URL, for who creates an endpoint and who delivers to it.

What is read here is what is connected to: no other parser ever sees the URL. The check at creation
spares people a surprise; the one of each address, at delivery, is the one that counts.
"""

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Final

from common.security.addresses import (
    CLOSED,
    HERE,
    IN_THE_CLEAR,
    LOOPBACK,
    NOT_PUBLIC,
    Allowance,
    parsed,
    place,
)
from gateway.domain.errors import Fault, Refused

MAX_LENGTH: Final = 2048
MAX_PORT: Final = 65_535
DEFAULT_PORTS: Final = {"https": 443, "http": 80}
# What speaks something else than HTTP there and might mistake a request for it: the list that
# browsers refuse, and stores that take orders from whoever connects.
FOREIGN_PORTS: Final = frozenset({
    *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95),
    *(101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179),
    *(389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601),
    *(636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566),
    *(6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
    *(3306, 4222, 5432, 6379, 11211, 27017),
})  # fmt: skip

SPLIT: Final = re.compile(r"(?i)(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>[^#]*)")
AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(?:\.{LABEL})*")
# What ends in a number is an address to who connects, however few its parts: 127.1, 0x7f.1, 0.
NUMBER_AT_THE_END: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)")

REMEDIES: Final = {
    NOT_PUBLIC: "Give a public host, or have the operator open its network: WEBHOOK_ALLOW_CIDRS.",
    CLOSED: "Give another host or port: our own services and the hypervisor hear no webhooks.",
    IN_THE_CLEAR: "Use https; http is for networks that the operator opened.",
}


class UrlRefused(Refused):
    """A URL that no webhook is sent to."""

    code = "webhook_url_refused"
    title = "Webhooks are not sent to this URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL, read. ``host``: in lower case, an IPv6 address without its brackets."""

    encrypted: bool
    host: str
    port: int
    path: str = field(repr=False)  # with the query; it may be a secret

    @property
    def scheme(self) -> str:
        """Return the scheme: https unless in the clear."""
        return "https" if self.encrypted else "http"

    @property
    def authority(self) -> str:
        """Return what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def check_url(url: str, allowance: Allowance) -> None:
    """Raise ``UrlRefused`` for a URL that nothing is ever sent to."""
    target_of(url, allowance)


def complaint(url: str, *, allowance: Allowance) -> str | None:
    """Return what is wrong with a URL and what to do, for a list of faults; ``None``: nothing."""
    try:
        check_url(url, allowance)
    except UrlRefused as refused:
        return f"{refused.faults[0].detail}. {refused.remedy}"
    return None


def target_of(url: str, allowance: Allowance) -> Target:
    """Return what a URL means. Raises ``UrlRefused``; never repeats the URL, it may be a secret."""
    target = _read(url)
    if target.port in FOREIGN_PORTS:
        raise _refused("has a port that other things than HTTP live at", "Use another port.")
    reason = _reason(target, allowance)
    if reason is not None:
        raise _refused(f"leads to an address that is {reason}", REMEDIES[reason])
    return target


def _reason(target: Target, allowance: Allowance) -> str | None:
    address = parsed(target.host)
    if address is None and place(target.host) == HERE:
        address = parsed(LOOPBACK)
    if address is not None:
        return allowance.refusal(address, target.port, encrypted=target.encrypted)
    if allowance.closes(target.host, target.port):
        return CLOSED
    # Where the name leads is seen at delivery; in the clear it may lead to opened networks alone.
    return None if target.encrypted or allowance.cidrs else IN_THE_CLEAR


def _read(url: str) -> Target:
    _check_signs(url)
    whole = SPLIT.fullmatch(url)
    if whole is None:
        raise _refused("is no address by https without a fragment", "Use https://HOST/PATH.")
    if "@" in whole["authority"]:
        raise _refused("holds a user or password", "Use a header of the endpoint for secrets.")
    parts = AUTHORITY.fullmatch(whole["authority"])
    if parts is None:
        raise _refused("has no plain host and port", "Use https://HOST:PORT/PATH.")
    scheme, rest = whole["scheme"].lower(), whole["rest"]
    port = DEFAULT_PORTS[scheme] if parts["port"] is None else int(parts["port"])
    if not 0 < port <= MAX_PORT:
        raise _refused("has a port that there is not", f"Use one of 1 to {MAX_PORT}.")
    return Target(
        encrypted=scheme == "https",
        host=_host(parts["host"]),
        port=port,
        path=rest if rest.startswith("/") else f"/{rest}",
    )


def _check_signs(url: str) -> None:
    """Refuse what one reader of URLs takes for this and another for that."""
    if len(url) > MAX_LENGTH:
        raise _refused(f"is longer than {MAX_LENGTH} characters", "Use a shorter one.")
    if not url.isascii():
        raise _refused(
            "has letters beyond ASCII", "Use punycode for the host (xn--…), percent signs after it."
        )
    if "\\" in url or " " in url or not url.isprintable():
        raise _refused("has spaces, backslashes or control characters", "Write them as %20 and so.")


def _host(host: str) -> str:
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1]))
        except ValueError:
            raise _refused("has no address between its brackets", "Use [2001:…].") from None
    if not NUMBER_AT_THE_END.fullmatch(host):
        if not NAME.fullmatch(host):
            raise _refused("has a host that is no name", "Use letters, digits, dots and hyphens.")
        return host.lower()
    try:
        return str(ip_address(host))
    except ValueError:
        raise _refused("has an address in an odd spelling", "Use four plain numbers.") from None


def _refused(detail: str, remedy: str) -> UrlRefused:
    return UrlRefused(f"url {detail}.", remedy=remedy, faults=(Fault("/url", detail),))
