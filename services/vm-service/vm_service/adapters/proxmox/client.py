"""Proxmox's HTTP API by proxmoxer: blocking, so in threads; each call with a hard deadline.

Whatever goes wrong comes out as a ``Trouble``, judged by the one table of texts.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# (neither proxmoxer nor its answers are typed; nothing untyped leaves this module)

import asyncio
import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Literal
from urllib.parse import urlsplit

import requests
from proxmoxer.backends.https import Backend
from proxmoxer.core import ProxmoxResource, ResourceException
from pydantic import JsonValue

from vm_service.adapters.proxmox.site import Access
from vm_service.adapters.proxmox.threads import DaemonThreads
from vm_service.domain.trouble import Trouble, Verdict, judge

THREADS: Final = 12
CONNECT: Final = 5.0
# Proxmox itself waits ten seconds for locks and longer when its workers are busy.
READ: Final = 60.0
DEADLINES: Final[Mapping[str, float]] = {"get": 15.0, "post": 65.0, "put": 65.0, "delete": 65.0}
PAUSES: Final = (0.2, 0.5, 1.0)
SHAKY: Final = frozenset({Verdict.UNKNOWN, Verdict.FAULT})
LONGEST_TEXT: Final = 1000

Verb = Literal["get", "post", "put", "delete"]


class _Answers:
    """Reads bodies. A success that cannot be read is an error, not a value."""

    def loads(self, response: requests.Response) -> object:
        return json.loads(response.content)["data"]

    def loads_errors(self, response: requests.Response) -> object:
        try:
            return json.loads(response.content).get("errors")
        except (ValueError, AttributeError):
            return None


class Client:
    """One Proxmox, asked by a token. Parameters: booleans become 0/1, ``None`` is left out."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._threads = DaemonThreads(THREADS, name="proxmox")
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def close(self) -> None:
        """Let go of all connections; calls under way end as they may."""
        self._threads.shutdown()
        for session in self._sessions:
            session.close()

    async def get(self, path: str, **query: object) -> JsonValue:
        """Ask for something; a shaky answer is asked for again at once, it does no harm."""
        for pause in PAUSES:
            try:
                return await self._call("get", path, query)
            except Trouble as trouble:
                if trouble.verdict not in SHAKY:
                    raise
            await asyncio.sleep(pause)
        return await self._call("get", path, query)

    async def post(self, path: str, **form: object) -> JsonValue:
        """Have something done."""
        return await self._call("post", path, form)

    async def put(self, path: str, **form: object) -> JsonValue:
        """Have something changed."""
        return await self._call("put", path, form)

    async def delete(self, path: str, **query: object) -> JsonValue:
        """Have something removed; parameters go into the query, a body would be refused."""
        return await self._call("delete", path, query)

    async def _call(self, verb: Verb, path: str, parameters: Mapping[str, object]) -> JsonValue:
        plain = {key: _plain(value) for key, value in parameters.items() if value is not None}
        try:
            async with asyncio.timeout(DEADLINES[verb]):
                future = self._threads.submit(self._send, verb, path, plain)
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            text = f"Proxmox did not answer within {DEADLINES[verb]:.0f} s"
            raise Trouble(Verdict.UNKNOWN, text) from error

    def _send(self, verb: Verb, path: str, parameters: Mapping[str, object]) -> JsonValue:
        """Run in a thread: make the call, and turn every failure into what it means."""
        try:
            return getattr(self._resource()(path), verb)(**parameters)
        except ResourceException as refusal:
            raise judge(_text(refusal), status=refusal.status_code) from refusal
        except requests.exceptions.SSLError as error:
            text = f"Proxmox's certificate is not trusted: {_reason(error)}"
            raise Trouble(Verdict.REFUSED, text, "set SPAWNYARD_PROXMOX_CA_FILE") from error
        except requests.RequestException as error:
            text = f"Proxmox is not reachable: {_reason(error)}"
            raise Trouble(Verdict.UNKNOWN, text) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Trouble(Verdict.UNKNOWN, "Proxmox's answer cannot be read") from error

    def _resource(self) -> ProxmoxResource:
        """Return this thread's own connection; sessions are not made for sharing."""
        if not hasattr(self._local, "resource"):
            self._local.resource = self._connect()
        return self._local.resource

    def _trusted(self) -> str | bool:
        return True if self._access.ca_file is None else str(self._access.ca_file)

    def _connect(self) -> ProxmoxResource:
        user, token = self._access.token_id.split("!", 1)
        parts = urlsplit(self._access.url)
        backend = Backend(
            parts.hostname,
            port=parts.port,
            user=user,
            token_name=token,
            token_value=self._access.token_secret,
            verify_ssl=self._trusted(),  # pyright: ignore[reportArgumentType]  requests takes a path too
            timeout=(CONNECT, READ),  # pyright: ignore[reportArgumentType]  and a pair
        )
        session = backend.get_session()
        session.trust_env = False  # no proxy, no CA and no password from the environment
        session.max_redirects = 0
        self._sessions.append(session)
        return ProxmoxResource(
            base_url=backend.get_base_url(), session=session, serializer=_Answers()
        )


def _plain(value: object) -> object:
    return int(value) if isinstance(value, bool) else value


def _text(refusal: ResourceException) -> str:
    """Return what Proxmox says: its reason phrase, and for each parameter what is wrong."""
    text = str(refusal.content or refusal.status_message or "")
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode()  # http.client takes UTF-8 for Latin-1
    if isinstance(refusal.errors, dict):
        listed = (f"{name}: {str(wrong).strip()}" for name, wrong in refusal.errors.items())
        text = f"{text.rstrip('. ')}: {'; '.join(listed)}"
    return (text or "no reason given")[:LONGEST_TEXT]


def _reason(error: requests.RequestException) -> str:
    """Name the innermost cause; the outer ones repeat addresses and paths."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return f"{type(error).__name__}: {cause}"[:LONGEST_TEXT]
