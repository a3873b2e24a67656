"""One blocking call of Proxmox's API by proxmoxer: made in a thread, bounded in size and time.

Whatever goes wrong comes out as a ``Trouble``, judged by the one table of texts.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# (neither proxmoxer nor its answers are typed; nothing untyped leaves this module)

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, Literal
from urllib.parse import urlsplit

import requests
from proxmoxer.backends.https import Backend
from proxmoxer.core import ProxmoxResource, ResourceException
from pydantic import JsonValue

from vm_service.adapters.proxmox.site import Access
from vm_service.adapters.proxmox.tls import Trusting, distrust
from vm_service.domain.texts import SILENT
from vm_service.domain.trouble import Trouble, Verdict, judge

CONNECT: Final = 5.0
# Proxmox itself waits ten seconds for locks and longer when its workers are busy.
DEADLINES: Final[Mapping[str, float]] = {"get": 15.0, "post": 65.0, "put": 65.0, "delete": 65.0}
IDLE: Final = 3.0  # seconds; Proxmox hangs up after five, and a write that meets that is lost
LARGEST: Final = 10 * 2**20  # bytes of an answer
PIECE: Final = 65_536
LONGEST_TEXT: Final = 1000

Form = Mapping[str, str | int | float]
Verb = Literal["get", "post", "put", "delete"]


class Silence(Trouble):
    """Proxmox itself has not answered: whether anything was done is not known."""

    def __init__(self, text: str, remedy: str | None = None) -> None:
        super().__init__(Verdict.UNKNOWN, text, remedy)


@dataclass(frozen=True, slots=True)
class _Answer:
    """As much of an answer as proxmoxer looks at."""

    status_code: int
    reason: str
    content: bytes


class _Answers:
    """Reads bodies. A success that cannot be read is an error, not a value."""

    def loads(self, answer: _Answer) -> object:
        return json.loads(answer.content)["data"]

    def loads_errors(self, answer: _Answer) -> object:
        try:
            return json.loads(answer.content).get("errors")
        except (ValueError, AttributeError):
            return None


class _Session:
    """What proxmoxer takes for a session of requests: no redirects, no endless answers."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session

    def request(
        self, method: str, url: str, *, data: Form | None = None, params: Form | None = None
    ) -> _Answer:
        seconds = DEADLINES[method.lower()]
        until = time.monotonic() + seconds
        with self._session.request(
            method,
            url,
            data=data,
            params=params,
            stream=True,
            allow_redirects=False,
            timeout=(CONNECT, seconds),
        ) as response:
            if 300 <= response.status_code < 400:  # noqa: PLR2004  HTTP's own numbers
                raise Silence(f"Proxmox answered {response.status_code} {response.reason}")
            return _Answer(response.status_code, response.reason, _body(response, until=until))


def _body(response: requests.Response, *, until: float) -> bytes:
    body = bytearray()
    for piece in response.iter_content(PIECE):
        body += piece
        if len(body) > LARGEST:
            raise Silence(f"Proxmox's answer is longer than {LARGEST} bytes")
        if time.monotonic() > until:
            raise Silence("Proxmox's answer did not end in time")
    return bytes(body)


class Wire:
    """One connection, for one thread at a time."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.skew: float | None = None  # seconds Proxmox's clock is ahead, by its last answer
        user, token = access.token_id.split("!", 1)
        parts = urlsplit(access.url)
        backend = Backend(
            parts.hostname,
            port=parts.port,
            user=user,
            token_name=token,
            token_value=access.token_secret,
        )
        self._session: requests.Session = backend.get_session()
        self._session.trust_env = False  # no proxy, no CA and no password from the environment
        self._session.hooks["response"].append(self._note_time)
        self._trusting = Trusting(access)
        self._session.mount("https://", self._trusting)
        self._used = time.monotonic()
        self._api = ProxmoxResource(
            base_url=backend.get_base_url(),
            session=_Session(self._session),
            serializer=_Answers(),
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def _note_time(self, response: requests.Response, **_: object) -> None:
        with suppress(KeyError, ValueError, TypeError):
            theirs = parsedate_to_datetime(response.headers["Date"])
            self.skew = theirs.timestamp() - time.time()

    def call(self, verb: Verb, path: str, parameters: Mapping[str, object]) -> JsonValue:
        """Make the call, and turn every failure into what it means."""
        if verb != "get" and time.monotonic() - self._used > IDLE:
            self._trusting.close()  # the next call opens a fresh connection
        try:
            return self._sent(verb, path, parameters)
        except ResourceException as refusal:
            text, status = _text(refusal), refusal.status_code
            if status in SILENT:
                raise Silence(f"Proxmox answered {status} {text}") from refusal
            raise judge(text, status=status) from refusal
        except requests.RequestException as error:
            raise _judged(self._access, error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Silence("Proxmox's answer cannot be read") from error
        finally:
            self._used = time.monotonic()

    def _sent(self, verb: Verb, path: str, parameters: Mapping[str, object]) -> JsonValue:
        return getattr(self._api(path), verb)(**parameters)


def _judged(access: Access, error: requests.RequestException) -> Trouble:
    reason = _reason(error)
    return distrust(access, error) or Silence(f"Proxmox is not reachable: {reason}")


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
