"""Which addresses of the outside may be asked for a download, and where a mirror has them."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin, urlsplit

from common.security.addresses import is_public
from provisioner.domain.errors import StepFailed

HTTPS: Final = "https://"
# With a letter in it: what has digits alone (127.1, 0) is an address to who connects, and no
# name server is asked. Foreign signs may become digits on their way there.
NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9._-]{1,253}")
MIRROR: Final = (
    "Games are fetched by https from public addresses only. For a mirror of your own, set "
    "SPAWNYARD_DOWNLOAD_BASE."
)


def vetted(url: str) -> str:
    """Return the host of an address that may be asked. Raises ``StepFailed`` for others."""
    try:
        parts = urlsplit(url)
        host, secret = parts.hostname or "", parts.username or parts.password
    except ValueError:
        host, secret = "", None
    is_place = is_literal(host) or NAME.fullmatch(host)
    if not (url.startswith(HTTPS) and is_place and url.isprintable()) or secret or " " in url:
        raise StepFailed(f"not an address to download from: {url[:120]!r}", remedy=MIRROR)
    return host


def is_literal(host: str) -> bool:
    """Whether a host is an address already, which no name server is asked about."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def check_public(address: str, *, host: str) -> None:
    """Raise ``StepFailed`` for an address of an inner network."""
    if not is_public(ip_address(address.partition("%")[0])):
        raise StepFailed(f"{host[:120]} is at {address}, within an inner network", remedy=MIRROR)


def mirrored(url: str, base: str) -> str:
    """Return where an address is fetched: there, or below a mirror's ``base``."""
    vetted(url)
    return f"{base.rstrip('/')}/{url.removeprefix(HTTPS)}" if base else url


def redirected(url: str, location: str, base: str) -> str:
    """Return the address that a redirect means, whoever sent it: the vendor or the mirror."""
    target = urljoin(url, location)
    if base and target.startswith(f"{base.rstrip('/')}/"):
        target = HTTPS + target.removeprefix(f"{base.rstrip('/')}/")
    vetted(target)
    return target
