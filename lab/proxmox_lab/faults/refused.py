"""Refusals made up by faults, in the form that such a status really has."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web

from proxmox_lab.clock import Clock
from proxmox_lab.faults.faults import Strike
from proxmox_lab.faults.rule import INJECTED
from proxmox_lab.http.outgoing import failure
from proxmox_lab.refusal import Refusal

AUTH_DELAY: Final = 3.0
_PROXY: Final = range(595, 600)  # said between nodes and workers: an empty body
_REASONS: Final[Mapping[int, str]] = {
    401: "Authentication failed!", 403: "Permission check failed", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout", 595: "No route to host",
    596: "Broken pipe", 597: "Connection reset by peer", 599: "Too many redirections",
}  # fmt: skip


async def refused(strike: Strike, clock: Clock) -> web.Response:
    """Refuse with the strike's status; a 401 takes its three seconds."""
    status = strike.status
    reason = strike.filled(strike.rule.reason or _REASONS.get(status, INJECTED))
    if status in _PROXY:
        return web.Response(status=status, reason=reason)
    if status == HTTPStatus.UNAUTHORIZED:
        await clock.sleep(AUTH_DELAY)
    return failure(Refusal(reason, status=status), extjs=False)
