"""Who is asking: tickets in a cookie, API tokens in a header."""

import hashlib
import hmac
import re
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from proxmox_lab.clock import Clock
from proxmox_lab.refusal import unauthorized
from proxmox_lab.site.people import User, matches
from proxmox_lab.site.rights import Caller
from proxmox_lab.site.site import Site

TICKET_LIFE: Final = 2 * 3600
_TOKEN: Final = re.compile(r"(?:^|\s)PVEAPIToken(?:=| )([^;]*)")
_IDENTITY: Final = re.compile(r"^([^\s:/]+@[A-Za-z][\w.\-]+)!([A-Za-z][\w.\-]+)=(.+)$")
_TICKET: Final = re.compile(r"^PVE:([^:]+@[^:]+):([0-9A-F]{8})::(\S+)$")


class Doorkeeper:
    """Tells callers by their headers and issues tickets."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self._site = site
        self._clock = clock

    def identify(self, request: web.Request) -> Caller:
        """Return the caller, or refuse with 401. A cookie wins over a token."""
        header = request.headers.get("Authorization", "")
        ticket = _ticket_in(request, header)
        if ticket is not None:
            return self._by_ticket(ticket, request)
        token = _TOKEN.search(header)
        if not token:
            raise unauthorized("No ticket")
        return self._by_token(unquote(token[1]))

    def _by_token(self, text: str) -> Caller:
        found = _IDENTITY.match(text)
        user = self._site.rules.users.get(found[1]) if found else None
        token = user.tokens.get(found[2]) if found and user else None
        if not (found and user and token and self._is_welcome(user)):
            raise unauthorized("Authentication failed!")
        expired = token.expire and token.expire < self._clock.now()
        if expired or not matches(found[3], token.secret_hash):
            raise unauthorized("Authentication failed!")
        return Caller(user=found[1], token=found[2])

    def _by_ticket(self, ticket: str, request: web.Request) -> Caller:
        user = self.user_of(ticket)
        if user is None:
            raise unauthorized("permission denied - invalid PVE ticket")
        if request.method != "GET":
            given = request.headers.get("CSRFPreventionToken", "")
            stamp = given.partition(":")[0]
            if not hmac.compare_digest(given, self._csrf(user, stamp)):
                raise unauthorized("Permission denied - invalid csrf token")
        return Caller(user=user)

    def user_of(self, ticket: str) -> str | None:
        """Name the user a ticket was issued to, while it lives."""
        found = _TICKET.match(ticket)
        if not found or self._signed(found[1], found[2]) != ticket:
            return None
        user = self._site.rules.users.get(found[1])
        fresh = self._clock.now() - int(found[2], 16) < TICKET_LIFE
        return found[1] if user and fresh and self._is_welcome(user) else None

    def login(self, name: str, password: str) -> tuple[str, str]:
        """Return ticket and CSRF token for a password or an old ticket, or refuse."""
        user = self._site.rules.users.get(name)
        welcome = user is not None and self._is_welcome(user)
        proven = user and matches(password, user.password_hash)
        if not welcome or not (proven or self.user_of(password) == name):
            raise unauthorized("authentication failure", with_body=True)
        return self.issue(name)

    def issue(self, name: str) -> tuple[str, str]:
        """Make a ticket and its CSRF token for a user who is known to be one."""
        stamp = f"{int(self._clock.now()):08X}"
        return self._signed(name, stamp), self._csrf(name, stamp)

    def _is_welcome(self, user: User) -> bool:
        return user.enable and not (user.expire and user.expire < self._clock.now())

    def _signed(self, user: str, stamp: str) -> str:
        return f"PVE:{user}:{stamp}::{self._mac('ticket', user, stamp)}"

    def _csrf(self, user: str, stamp: str) -> str:
        return f"{stamp}:{self._mac('csrf', user, stamp)}"

    def _mac(self, *parts: str) -> str:
        key = self._site.rules.ticket_key.encode()
        return hmac.new(key, ":".join(parts).encode(), hashlib.sha256).hexdigest()


def _ticket_in(request: web.Request, header: str) -> str | None:
    if header.startswith("PVEAuthCookie="):
        return unquote(header.removeprefix("PVEAuthCookie="))
    for part in request.headers.get("Cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "PVEAuthCookie":
            return unquote(_unquoted(value))
    return None


def _unquoted(value: str) -> str:
    jar: SimpleCookie = SimpleCookie()
    return jar.value_decode(value)[0]
