"""How the command line reaches a service over HTTP."""

import ipaddress
from collections.abc import Mapping

import httpx

from yard_cli.failure import Failure


def http_client(
    url: str, *, base_url: str = "", headers: Mapping[str, str] | None = None
) -> httpx.AsyncClient:
    """Return a client for ``url``; a proxy is for other machines, never for this one."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _no_address(url) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise _no_address(url)
    return httpx.AsyncClient(
        base_url=base_url, headers=headers, timeout=30, trust_env=not _is_here(parsed.host)
    )


def _no_address(url: str) -> Failure:
    return Failure(f"{url!r} is not the address of a gateway", "write it as: http://HOST:PORT")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
